#include "signalbox/testing/client.hpp"

#include <asio/post.hpp>

#include <chrono>
#include <exception>
#include <future>
#include <iostream>
#include <limits>
#include <optional>
#include <stdexcept>

#include "signalbox/api/container.hpp"
#include "signalbox/api/logger.hpp"
#include "signalbox/api/metrics.hpp"
#include "signalbox/async/run.hpp"
#include "signalbox/db/pool.hpp"
#include "signalbox/db/pool_options.hpp"
#include "signalbox/http/server/error_answer.hpp"
#include "signalbox/http/watch/telemetry.hpp"
#include "signalbox/observe/log.hpp"
#include "signalbox/observe/metrics.hpp"
#include "signalbox/testing/database.hpp"
#include "signalbox/testing/exchange.hpp"

namespace signalbox::test {

namespace {

/// One request at a time, which may hold one connection while it asks for another.
constexpr std::size_t pool_size = 2;

/// For the service's own loops to end when they are cancelled.
constexpr std::chrono::seconds patience{10};

/// Of a stream that comes to its end.
constexpr auto all_pieces = std::numeric_limits<std::size_t>::max();

}  // namespace

/// What `serve` has, but for the sockets.
class Client::Service {
  public:
    Service(const api::Module& module, const Database* database) : container(module) {
        if (database != nullptr)
            pool_.emplace(db::PoolOptions{.url = database->url(), .size = pool_size});
    }
    ~Service() {
        try {
            stop();
        } catch (...) {
            std::cerr << "test::Client: on_shutdown: " << http::cause_of(std::current_exception())
                      << '\n';
        }
    }
    Service(const Service&) = delete;
    Service& operator=(const Service&) = delete;

    void start() {
        if (stopped_) throw std::logic_error("the client has stopped");
        if (failure_) std::rethrow_exception(failure_);
        if (std::exchange(started_, true)) return;
        try {
            make();
        } catch (...) {
            failure_ = std::current_exception();
            throw;
        }
    }

    bool started() const noexcept { return started_; }

    Response exchange(std::string_view method, std::string_view target, std::string_view body,
                      const Headers& headers, std::size_t pieces = all_pieces) {
        auto message = decode_request(*server_, method, target, body, headers);
        std::promise<Response> answered;
        auto response = answered.get_future();
        asio::post(loop_.context(), [this, &message, pieces, &answered] {
            Exchange::begin(*requests_, std::move(message), pieces, std::move(answered));
        });
        Response received = response.get();
        auto& background = server_->background_places;
        for (std::size_t left = background; left != 0; left = background)
            background.wait(left);
        return received;
    }

    void stop() {
        if (std::exchange(stopped_, true)) return;
        std::exception_ptr error;
        try {
            if (started_ && !failure_) {
                end_own_loops();
                run(container.shutdown());
            }
        } catch (...) {
            error = std::current_exception();
        }
        if (pool_) pool_->disconnect();
        loop_.stop();
        if (error) std::rethrow_exception(error);
    }

  private:
    void make() {
        if (pool_) container.add(*pool_);
        container.add(logger_);
        container.add(own_metrics_);
        container.make_services();
        // Named, because g++ 14 takes a temporary in there for uninitialised where an exception
        // ends it.
        http::ServerOptions options;
        options.middleware = container.middleware();
        // NOLINTNEXTLINE(modernize-make-unique): of an aggregate
        server_.reset(new http::ServerContext{.options = std::move(options),
                                              .router = http::Router(container.routes()),
                                              .make_observer = http::observe_nothing});
        observer_ = telemetry_.observe(loop_);
        requests_.emplace(http::RequestLoop{.server = *server_,
                                            .loop = loop_.context(),
                                            .observer = *observer_,
                                            .held = server_->memory.of_loop(0)});
        if (pool_) pool_->connect();
        run(container.startup());
    }

    void end_own_loops() {
        asio::post(loop_.context(), [this] { loop_.spawned().cancel(); });
        if (!loop_.spawned().wait_until_ended(async::SpawnedTasks::Owner::service,
                                              std::chrono::steady_clock::now() + patience))
            throw std::runtime_error("a spawned task does not end although it was cancelled");
    }

    void run(std::vector<async::Task<>> tasks) {
        for (auto& task : tasks)
            async::run(loop_, std::move(task));
    }

    observe::Log log_{{.service_name = "test", .service_version = "0"},
                      config::LogLevel::warning,
                      config::LogFormat::text};
    observe::Metrics metrics_;
    http::Telemetry telemetry_{metrics_, log_, {.access_log = config::AccessLog::off}};
    api::Logger logger_{log_};
    api::Metrics own_metrics_{metrics_};
    std::optional<db::Pool> pool_;

  public:
    api::Container container;

  private:
    std::unique_ptr<http::ServerContext> server_;
    async::EventLoop loop_{"test-loop"};
    std::unique_ptr<http::RequestObserver> observer_;
    std::optional<http::RequestLoop> requests_;
    bool started_ = false;
    bool stopped_ = false;
    std::exception_ptr failure_;
};

Client::Client(const api::Module& module) : service_(std::make_unique<Service>(module, nullptr)) {}

Client::Client(const api::Module& module, const Database& database)
    : service_(std::make_unique<Service>(module, &database)) {}

Client::~Client() = default;

Client& Client::replace_service(const api::TypeName& type, void* service) {
    if (service_->started()) throw std::logic_error("replace() comes before the first request");
    service_->container.replace(type, service);
    return *this;
}

Client& Client::replace_dependency(const api::DependencyName& dependency, std::any replacement) {
    if (service_->started()) throw std::logic_error("replace() comes before the first request");
    service_->container.replace(dependency, std::move(replacement));
    return *this;
}

Response Client::get(std::string_view target, const Headers& headers) {
    return request("GET", target, {}, headers);
}

Response Client::head(std::string_view target, const Headers& headers) {
    return request("HEAD", target, {}, headers);
}

Response Client::post(std::string_view target, std::string_view body, const Headers& headers) {
    return request("POST", target, body, headers);
}

Response Client::post_form(std::string_view target, const Form& form, const Headers& headers) {
    Headers all = headers;
    all.emplace_back("Content-Type", form.content_type());
    return post(target, form.body(), all);
}
Response Client::put(std::string_view target, std::string_view body, const Headers& headers) {
    return request("PUT", target, body, headers);
}

Response Client::patch(std::string_view target, std::string_view body, const Headers& headers) {
    return request("PATCH", target, body, headers);
}

Response Client::del(std::string_view target, const Headers& headers) {
    return request("DELETE", target, {}, headers);
}

Response Client::options(std::string_view target, const Headers& headers) {
    return request("OPTIONS", target, {}, headers);
}

Response Client::request(std::string_view method, std::string_view target, std::string_view body,
                         const Headers& headers) {
    start();
    return service_->exchange(method, target, body, headers);
}

Response Client::get_pieces(std::string_view target, std::size_t pieces, const Headers& headers) {
    if (pieces == 0) throw std::invalid_argument("get_pieces: who wants none does not ask");
    start();
    return service_->exchange("GET", target, {}, headers, pieces);
}

void Client::start() {
    service_->start();
}

void Client::stop() {
    service_->stop();
}

}  // namespace signalbox::test
