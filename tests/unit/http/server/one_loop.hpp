#pragma once

#include <asio/io_context.hpp>

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <ostream>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "signalbox/context/request_list.hpp"
#include "signalbox/http/server/error_answer.hpp"
#include "signalbox/http/server/loop_context.hpp"
#include "signalbox/http/wire/request_decoder.hpp"

namespace signalbox::test {

/// Notes what it is told of requests.
class NotingObserver final : public http::RequestObserver {
  public:
    struct Finished {
        std::string path;  ///< empty when it was no request
        int status;
        std::string error_type;
        std::string malformed_reason;

        friend bool operator==(const Finished&, const Finished&) = default;
        friend std::ostream& operator<<(std::ostream& out, const Finished& finished) {
            return out << finished.path << ' ' << finished.status << ' ' << finished.error_type
                       << finished.malformed_reason;
        }
    };

    explicit NotingObserver(context::RequestList& in_memory) : in_memory_(in_memory) {}

    void started(context::RequestContext& request) override {
        in_memory_.add(request);
        then_on_started(request);
    }
    void slow(const http::Request& request, const context::RequestContext&) override {
        slow_paths.push_back(request.path);
    }
    void finished(const http::FinishedRequest& request) override {
        finished_requests.push_back(
            {.path = request.request == nullptr ? "" : request.request->path,
             .status = request.status,
             .error_type = std::string(request.in_flight.error_type),
             .malformed_reason = std::string(request.malformed_reason)});
    }
    void failed(const std::exception_ptr& error) noexcept override {
        failures.push_back(http::cause_of(error));
    }

    std::function<void(context::RequestContext&)> then_on_started = [](context::RequestContext&) {};
    std::vector<Finished> finished_requests;
    std::vector<std::string> slow_paths;
    std::vector<std::string> failures;

  private:
    context::RequestList& in_memory_;
};

/// What the connections of one event loop share, on the thread of a test.
struct OneLoop {
    http::ServerContext server;
    context::RequestList in_memory;  ///< requests that have begun and are not destroyed
    asio::io_context loop;
    NotingObserver observer{in_memory};
    http::Transport transport{loop};
    http::LoopContext context{
        {.server = server, .loop = loop, .observer = observer, .held = server.memory.of_loop(0)},
        transport};

    OneLoop(http::ServerOptions options, std::vector<http::Route> routes)
        : server{.options = std::move(options),
                 .router = http::Router(std::move(routes)),
                 .make_observer = http::observe_nothing} {
        transport.start();
    }

    /// Turns until nothing is left to be done at once.
    void settle() {
        while (loop.poll() > 0) {
        }
    }

    /// Turns until the condition holds.
    template <class Condition>
    bool turn_until(Condition condition) {
        const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
        while (!condition()) {
            if (loop.run_one_until(deadline) == 0) return false;
        }
        return true;
    }

    std::size_t requests_in_memory() const {
        return in_memory.for_each([](const context::RequestContext&) {});
    }

    /// As a connection would have it.
    std::unique_ptr<http::Request> request(std::string_view bytes) const {
        http::RequestDecoder decoder(server.options.limits, &server.router);
        decoder.feed(bytes);
        auto decoded = decoder.next().value();
        auto request = std::move(std::get<std::unique_ptr<http::Request>>(decoded));
        request->client_address = "192.0.2.1";
        return request;
    }
};

}  // namespace signalbox::test
