#include "signalbox/client/http_client.hpp"

#include <asio/basic_waitable_timer.hpp>
#include <asio/error.hpp>
#include <asio/system_error.hpp>
#include <asio/this_coro.hpp>
#include <unistd.h>

#include <algorithm>
#include <stdexcept>
#include <system_error>

#include "signalbox/api/metrics.hpp"
#include "signalbox/client/detail/client_metrics.hpp"
#include "signalbox/client/detail/loop_transfers.hpp"
#include "signalbox/context/request_context.hpp"
#include "signalbox/fast/random.hpp"
#include "signalbox/http/wire/head.hpp"

namespace signalbox::client {

namespace {

using Clock = std::chrono::steady_clock;
using Timer = asio::basic_waitable_timer<Clock, asio::wait_traits<Clock>, async::Executor>;

constexpr std::chrono::seconds longest_backoff{5};

bool is_one_of(std::string_view name, std::initializer_list<std::string_view> names) {
    return std::any_of(names.begin(), names.end(), [name](std::string_view each) {
        return http::is_named({name, {}}, each);
    });
}

void check_header(std::string_view name, std::string_view value) {
    if (!http::is_token(name)) throw std::invalid_argument("not a header's name");
    if (!http::is_field_value(value)) {
        throw std::invalid_argument(std::string("the header ")
                                        .append(name)
                                        .append(" has a character that may not be in its value"));
    }
    if (is_one_of(name, {"Content-Length", "Transfer-Encoding", "Connection", "Expect", "Upgrade",
                         "TE", "Trailer"})) {
        throw std::invalid_argument(std::string("the header ")
                                        .append(name)
                                        .append(" says how a message is sent, which is libcurl's"));
    }
}

void check_file(const std::filesystem::path& file) {
    if (file.empty() || ::access(file.c_str(), R_OK) == 0) return;
    throw std::system_error(errno, std::generic_category(), "cannot read " + file.string());
}

HttpClientOptions checked(HttpClientOptions options) {
    const auto refuse = [](const char* why) { throw std::invalid_argument(why); };
    for (const auto& [name, value] : options.headers)
        check_header(name, value);
    check_header("User-Agent", options.user_agent);
    if (!options.base_url.empty()) {
        static_cast<void>(Url::parse(options.base_url));
        if (options.base_url.find_first_of("?#") != std::string::npos)
            refuse("the base of URLs has a query or fragment");
        while (options.base_url.ends_with('/'))
            options.base_url.pop_back();
    }
    if (options.timeout.count() <= 0 || options.connect_timeout.count() <= 0)
        refuse("an HTTP client needs a timeout");
    if (options.name_threads == 0) refuse("an HTTP client needs a thread to look up names");
    check_file(options.ca_file);
    check_file(options.certificate_file);
    check_file(options.key_file);
    if (!options.look_up) options.look_up = system_addresses;
    return options;
}

/// RFC 9110, section 9.2.2.
bool is_idempotent(http::Method method) {
    return method != http::Method::Post && method != http::Method::Patch;
}

bool is_redirect(int status) {
    return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

bool may_be_over_soon(int status) {
    return status == 502 || status == 503 || status == 504;
}

bool may_be_repeated(Failure failure) {
    return failure == Failure::name || failure == Failure::connect || failure == Failure::lost ||
           failure == Failure::connect_timeout;
}

std::string_view error_type(Failure failure) {
    switch (failure) {
        case Failure::none:
            return {};
        case Failure::name:
            return "name_resolution";
        case Failure::connect:
            return "connect";
        case Failure::tls:
            return "tls";
        case Failure::lost:
            return "connection_lost";
        case Failure::timeout:
        case Failure::connect_timeout:
            return "timeout";
        case Failure::too_large:
            return "response_too_large";
        case Failure::not_valid:
            return "invalid_response";
    }
    return "invalid_response";
}

std::string describe(const Call& call) {
    return std::string(http::to_string(call.method)).append(" ").append(call.url.origin());
}

[[noreturn]] void fail(const Call& call, Failure failure, const std::string& reason) {
    std::string cause = describe(call) + ": " + reason;
    switch (failure) {
        case Failure::name:
        case Failure::connect:
        case Failure::tls:
            throw Unreachable(std::move(cause));
        case Failure::lost:
            throw ConnectionLost(std::move(cause));
        case Failure::timeout:
        case Failure::connect_timeout:
            throw Timeout(std::move(cause));
        case Failure::none:
        case Failure::too_large:
        case Failure::not_valid:
            break;
    }
    throw InvalidAnswer(std::move(cause));
}

/// What the request that this is done for adds to each call: its trace.
http::Headers trace_headers(const context::RequestContext* request) {
    http::Headers headers;
    if (request == nullptr || !request->trace) return headers;
    headers.emplace_back("traceparent", request->trace.child().traceparent());
    auto state = request->tracestate();
    if (!state.empty() && http::is_field_value(state))
        headers.emplace_back("tracestate", std::move(state));
    return headers;
}

/// The request that a redirect asks for.
Call redirected(const Call& call, int status, const std::string& to) {
    Call next = call;
    try {
        next.url = Url::parse(to);
    } catch (const std::invalid_argument& error) {
        throw InvalidAnswer(describe(call) + ": redirected to what is " + error.what());
    }
    const bool becomes_get =
        (status == 303 && call.method != http::Method::Head) ||
        ((status == 301 || status == 302) && call.method == http::Method::Post);
    if (becomes_get) {
        next.method = http::Method::Get;
        next.has_body = false;
        next.body.clear();
    }
    const bool elsewhere = next.url.origin() != call.url.origin();
    std::erase_if(next.headers, [&](const auto& header) {
        const auto& name = header.first;
        if (!next.has_body && is_one_of(name, {"Content-Type", "Content-Encoding"})) return true;
        if (is_one_of(name, {"Host"})) return true;
        return elsewhere && !is_one_of(name, {"Accept", "Accept-Language", "Content-Type"});
    });
    return next;
}

/// A random part of a time that doubles with each.
Clock::duration backoff(std::chrono::milliseconds first, unsigned repetition) {
    const auto longest =
        std::min<Clock::duration>(first * (1U << std::min(repetition, 12U)), longest_backoff);
    constexpr std::uint64_t parts = 1024;
    return longest / parts * static_cast<std::int64_t>(random_number() % (parts + 1));
}

}  // namespace

std::optional<std::string_view> Response::header(std::string_view name) const {
    for (const auto& [each, value] : headers) {
        if (http::is_named({each, value}, name)) return value;
    }
    return std::nullopt;
}

const Response& Response::raise_for_status() const {
    if (status >= 400) {
        throw StatusError(status, origin + " answered " + std::to_string(status) + " " +
                                      std::string(http::reason_phrase(status)));
    }
    return *this;
}

void Response::throw_invalid(std::string_view why) const {
    throw InvalidAnswer(origin + " answered " + std::to_string(status) +
                        " with what is not the JSON that was expected: " + std::string(why));
}

CallOptions& CallOptions::header(std::string_view name, std::string_view value) {
    check_header(name, value);
    headers_.emplace_back(name, value);
    return *this;
}

CallOptions& CallOptions::timeout(std::chrono::milliseconds timeout) {
    timeout_ = timeout;
    return *this;
}

CallOptions& CallOptions::repeatable(bool repeatable) {
    repeatable_ = repeatable;
    return *this;
}

CallOptions& CallOptions::retries(unsigned most) {
    retries_ = most;
    return *this;
}

CallOptions& CallOptions::redirects(unsigned most) {
    redirects_ = most;
    return *this;
}

CallOptions& CallOptions::limit_body(std::size_t bytes) {
    limit_body_ = bytes;
    return *this;
}

/// What a call is to do, besides what is sent.
struct Limits {
    Clock::time_point deadline;
    unsigned retries;
    unsigned redirects;
    bool repeatable;
};

class HttpClient::Shared {
  public:
    Shared(const api::Metrics* metrics, HttpClientOptions options) {
        static const CURLcode ready = ::curl_global_init(CURL_GLOBAL_DEFAULT);
        if (ready != CURLE_OK) throw std::runtime_error("libcurl cannot be initialised");
        const HttpClientOptions checked_options = checked(std::move(options));
        clients_ = std::make_shared<Clients>(checked_options, checked_options.look_up);
        if (metrics != nullptr) metrics_.emplace(metrics->all());
    }

    const HttpClientOptions& options() const noexcept { return clients_->options(); }
    void close() { Clients::close(clients_); }

    static async::Task<Response> send(std::shared_ptr<Shared> self, Call first, Limits limits,
                                      std::chrono::milliseconds timeout);

  private:
    struct Outcome {
        Outcome() = default;

        Response response{};
        Failure failure = Failure::none;
        std::string reason{};
        std::string redirect{};
        bool on_new_connection = true;
        std::chrono::seconds retry_after{};
    };

    static async::Task<Outcome> repeat(std::shared_ptr<Shared> self,
                                       std::shared_ptr<const Call> call, Limits limits);
    static async::Task<Outcome> attempt(std::shared_ptr<Shared> self,
                                        std::shared_ptr<const Call> call,
                                        Clock::time_point deadline);
    static async::Task<std::shared_ptr<const Resolver::Result>> look_up(
        std::shared_ptr<Shared> self, std::string host, Clock::time_point until);

    std::optional<ClientMetrics> metrics_;
    std::shared_ptr<Clients> clients_;
};

async::Task<Response> HttpClient::Shared::send(std::shared_ptr<Shared> self, Call first,
                                               Limits limits, std::chrono::milliseconds timeout) {
    const async::Executor executor = co_await asio::this_coro::executor;
    context::RequestContext* const request = executor.request();
    const context::WaitScope waiting(request, context::Waiting::http_client);
    limits.deadline = Clock::now() + timeout;
    if (request != nullptr && !executor.in_background())
        limits.deadline = std::min(limits.deadline, request->deadline);
    auto call = std::make_shared<const Call>(std::move(first));
    for (unsigned followed = 0;; ++followed) {
        Outcome outcome = co_await repeat(self, call, limits);
        if (outcome.failure != Failure::none) fail(*call, outcome.failure, outcome.reason);
        const int status = outcome.response.status;
        if (limits.redirects == 0 || !is_redirect(status) || outcome.redirect.empty())
            co_return std::move(outcome.response);
        if (followed == limits.redirects) {
            throw InvalidAnswer(describe(*call) + ": more than " +
                                std::to_string(limits.redirects) + " redirects");
        }
        call = std::make_shared<const Call>(redirected(*call, status, outcome.redirect));
    }
}

async::Task<HttpClient::Shared::Outcome> HttpClient::Shared::repeat(
    std::shared_ptr<Shared> self, std::shared_ptr<const Call> call, Limits limits) {
    const async::Executor executor = co_await asio::this_coro::executor;
    for (unsigned repetition = 0;; ++repetition) {
        Outcome outcome = co_await attempt(self, call, limits.deadline);
        const bool again =
            may_be_repeated(outcome.failure) ||
            (outcome.failure == Failure::none && may_be_over_soon(outcome.response.status));
        if (!again || !limits.repeatable || repetition >= limits.retries)
            co_return std::move(outcome);
        // A connection that was kept and has been closed meanwhile says nothing of the other.
        const bool was_closed = outcome.failure == Failure::lost && !outcome.on_new_connection;
        Clock::duration pause{};
        if (!was_closed || repetition > 0)
            pause = std::max<Clock::duration>(backoff(self->options().backoff, repetition),
                                              outcome.retry_after);
        const auto next = Clock::now() + pause;
        if (next >= limits.deadline) co_return std::move(outcome);
        if (self->metrics_) self->metrics_->repeated(call->url);
        Timer timer(executor, next);
        co_await timer.async_wait(async::use_task);
    }
}

async::Task<HttpClient::Shared::Outcome> HttpClient::Shared::attempt(
    std::shared_ptr<Shared> self, std::shared_ptr<const Call> call, Clock::time_point deadline) {
    const async::Executor executor = co_await asio::this_coro::executor;
    ClientMetrics::Request counted(self->metrics_ ? &*self->metrics_ : nullptr, call->method,
                                   call->url);
    const auto transfers =
        LoopTransfers::of(asio::query(executor, asio::execution::context), self->clients_);
    Outcome outcome;
    const auto failed = [&](Failure failure, std::string reason) {
        counted.ended(0, error_type(failure));
        outcome.failure = failure;
        outcome.reason = std::move(reason);
    };
    std::vector<std::string> addresses;
    if (!call->url.is_address) {
        const auto until = std::min(deadline, Clock::now() + self->options().connect_timeout);
        const auto found = co_await look_up(self, call->url.host, until);
        if (!found) {
            failed(Failure::connect_timeout, "its name was not found in time");
            co_return std::move(outcome);
        }
        if (!found->error.empty()) {
            failed(Failure::name, "its name was not found: " + found->error);
            co_return std::move(outcome);
        }
        addresses = found->addresses;
    }
    const auto left = deadline - Clock::now();
    if (left <= Clock::duration::zero()) {
        failed(Failure::timeout, "there was no time left to call it");
        co_return std::move(outcome);
    }
    const auto transfer =
        std::make_shared<Transfer>(self->options(), call, trace_headers(executor.request()));
    transfer->limit_time(left);
    co_await transfers->run(transfer, std::move(addresses));
    if (transfer->failure() != Failure::none) {
        failed(transfer->failure(), transfer->reason());
        outcome.on_new_connection = transfer->on_new_connection();
        co_return std::move(outcome);
    }
    counted.ended(transfer->status(), {});
    outcome.redirect = transfer->redirect();
    outcome.retry_after = transfer->retry_after();
    outcome.response = transfer->take_response();
    co_return std::move(outcome);
}

/// Null when the time is up.
async::Task<std::shared_ptr<const Resolver::Result>> HttpClient::Shared::look_up(
    std::shared_ptr<Shared> self, std::string host, Clock::time_point until) {
    const async::Executor executor = co_await asio::this_coro::executor;
    Resolver& resolver = self->clients_->resolver;
    if (auto known = resolver.known(host)) co_return known;
    const auto place = std::make_shared<std::shared_ptr<const Resolver::Result>>();
    Timer timer(executor, until);
    auto begin = [&resolver, &timer, place, host](const std::shared_ptr<SuspendedCall>& waiter) {
        timer.async_wait([self_weak = std::weak_ptr<SuspendedCall>(waiter),
                          &resolver](const std::error_code& error) {
            const auto waiting = self_weak.lock();
            if (error || !waiting) return;
            resolver.leave(*waiting);
            waiting->complete();
        });
        resolver.look_up(host, waiter, place);
    };
    auto leave = [&resolver](const std::shared_ptr<SuspendedCall>& waiter) {
        resolver.leave(*waiter);
    };
    co_await suspend(std::move(begin), std::move(leave));
    co_return std::move(*place);
}

HttpClient::HttpClient(HttpClientOptions options)
    : shared_(std::make_shared<Shared>(nullptr, std::move(options))) {}

HttpClient::HttpClient(const api::Metrics& metrics, HttpClientOptions options)
    : shared_(std::make_shared<Shared>(&metrics, std::move(options))) {}

HttpClient::~HttpClient() {
    shared_->close();
}

async::Task<Response> HttpClient::request(http::Method method, std::string_view url,
                                          const CallOptions& options) {
    return begin(method, url, nullptr, options);
}

async::Task<Response> HttpClient::request(http::Method method, std::string_view url,
                                          const Content& content, const CallOptions& options) {
    return begin(method, url, &content, options);
}

async::Task<Response> HttpClient::begin(http::Method method, std::string_view url,
                                        const Content* content, const CallOptions& options) {
    if (method == http::Method::Connect || method == http::Method::Trace)
        throw std::invalid_argument("CONNECT and TRACE are not for this client");
    const HttpClientOptions& common = shared_->options();
    Call call{.method = method,
              .url = url.starts_with('/') && !common.base_url.empty()
                         ? Url::parse(common.base_url + std::string(url))
                         : Url::parse(url),
              .headers = options.headers_,
              .limit_body = options.limit_body_.value_or(common.limit_body)};
    const auto has_header = [&call](std::string_view name) {
        return std::any_of(call.headers.begin(), call.headers.end(), [name](const auto& each) {
            return http::is_named({each.first, each.second}, name);
        });
    };
    for (const auto& header : common.headers) {
        if (!has_header(header.first)) call.headers.push_back(header);
    }
    if (content != nullptr) {
        call.has_body = true;
        call.body = content->bytes();
        if (!content->type().empty() && !has_header("Content-Type")) {
            check_header("Content-Type", content->type());
            call.headers.emplace_back("Content-Type", content->type());
        }
    }
    const Limits limits{.deadline{},
                        .retries = options.retries_.value_or(common.retries),
                        .redirects = options.redirects_.value_or(common.redirects),
                        .repeatable = options.repeatable_.value_or(is_idempotent(method))};
    return Shared::send(shared_, std::move(call), limits,
                        options.timeout_.value_or(common.timeout));
}

}  // namespace signalbox::client
