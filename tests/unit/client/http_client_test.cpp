#include "signalbox/client/http_client.hpp"

#include <asio/bind_cancellation_slot.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>
#include <asio/steady_timer.hpp>
#include <dlfcn.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netdb.h>
#include <pthread.h>
#include <zlib.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <exception>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <system_error>
#include <vector>

#include "signalbox/api/injection.hpp"
#include "signalbox/api/metrics.hpp"
#include "signalbox/api/module.hpp"
#include "signalbox/async/all.hpp"
#include "signalbox/async/run.hpp"
#include "signalbox/async/sleep.hpp"
#include "signalbox/context/request_context.hpp"
#include "signalbox/observe/metrics.hpp"
#include "signalbox/testing/client.hpp"
#include "support/prometheus.hpp"
#include "unit/client/upstream.hpp"

namespace signalbox::client {

namespace {

/// What the program asks of getaddrinfo(3), libcurl included, and by which threads; names that end
/// in `.blocked.invalid` are not answered before the test says so.
class SystemResolver {
  public:
    void ask(const std::string& host) {
        char thread[16] = {};
        ::pthread_getname_np(::pthread_self(), thread, sizeof thread);
        std::unique_lock lock(mutex_);
        asked_.emplace_back(host, thread);
        changed_.notify_all();
        if (!host.ends_with(".blocked.invalid")) return;
        ++blocked_;
        changed_.wait(lock, [this] { return open_; });
        --blocked_;
        changed_.notify_all();
    }
    void open() {
        std::unique_lock lock(mutex_);
        open_ = true;
        changed_.notify_all();
        changed_.wait(lock, [this] { return blocked_ == 0; });
    }
    /// Whether somebody waits for it now.
    bool blocks() {
        const std::lock_guard lock(mutex_);
        return blocked_ > 0;
    }
    std::vector<std::string> threads_that_asked_for(const std::string& host) {
        const std::lock_guard lock(mutex_);
        std::vector<std::string> threads;
        for (const auto& [name, thread] : asked_) {
            if (name == host) threads.push_back(thread);
        }
        return threads;
    }

  private:
    std::mutex mutex_;
    std::condition_variable changed_;
    std::vector<std::pair<std::string, std::string>> asked_;
    int blocked_ = 0;
    bool open_ = false;
};

SystemResolver system_resolver;

}  // namespace

/// In place of libc's, whose names of parameters it has.
extern "C" int getaddrinfo(const char* name, const char* service, const addrinfo* req,
                           addrinfo** pai) {
    static const auto original =
        reinterpret_cast<decltype(&::getaddrinfo)>(::dlsym(RTLD_NEXT, "getaddrinfo"));
    if (name != nullptr) system_resolver.ask(name);
    if (name != nullptr && std::string_view(name).ends_with(".blocked.invalid")) return EAI_NONAME;
    return original(name, service, req, pai);
}

namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;
using test::Upstream;
using testing::AllOf;
using testing::Each;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Le;
using testing::Not;
using testing::SizeIs;
using testing::StartsWith;
using Then = Upstream::Answer::Then;

struct Rate {
    std::string currency;
    double value;
};

/// Runs on a loop of the test's own thread, with what came of it.
class Running {
  public:
    explicit Running(async::Task<Response> task, context::RequestContext* request = nullptr,
                     bool in_background = false) {
        asio::co_spawn(async::Executor(loop.get_executor(), request, in_background),
                       store(std::move(task)),
                       asio::bind_cancellation_slot(cancellation.slot(),
                                                    [this](const std::exception_ptr& thrown) {
                                                        done = true;
                                                        error = thrown;
                                                    }));
    }

    template <class Condition>
    bool turn_until(Condition condition) {
        const auto deadline = Clock::now() + 20s;
        while (!condition()) {
            if (Clock::now() > deadline) return false;
            loop.restart();
            loop.run_one_for(5ms);
        }
        return true;
    }
    Response finish() {
        if (!turn_until([this] { return done; })) throw std::runtime_error("it does not end");
        if (error) std::rethrow_exception(error);
        return *response;
    }
    void cancel() { cancellation.emit(asio::cancellation_type::terminal); }
    bool was_cancelled() const {
        try {
            if (error) std::rethrow_exception(error);
        } catch (const std::system_error& thrown) {
            return thrown.code() == asio::error::operation_aborted;
        }
        return false;
    }

    std::optional<Response> response;
    std::exception_ptr error;
    bool done = false;
    asio::cancellation_signal cancellation;
    asio::io_context loop{1};

  private:
    async::Task<> store(async::Task<Response> task) { response = co_await std::move(task); }
};

Response finish(async::Task<Response> task) {
    return Running(std::move(task)).finish();
}

template <class Thrown>
std::string message_of(async::Task<Response> task) {
    try {
        finish(std::move(task));
    } catch (const Thrown& error) {
        return error.what();
    }
    throw std::runtime_error("nothing was thrown");
}

Upstream::Handler always(std::string bytes, Then then = Then::keep) {
    return [bytes = std::move(bytes), then](const std::string&, std::size_t) {
        return Upstream::Answer{bytes, then};
    };
}

const auto never = [](const std::string&, std::size_t) {
    return std::optional<Upstream::Answer>();
};

std::string gzip(const std::string& text) {
    z_stream stream{};
    if (::deflateInit2(&stream, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK)
        throw std::runtime_error("no gzip");
    std::string packed(::deflateBound(&stream, text.size()), '\0');
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
    stream.avail_in = static_cast<uInt>(text.size());
    stream.next_out = reinterpret_cast<Bytef*>(packed.data());
    stream.avail_out = static_cast<uInt>(packed.size());
    ::deflate(&stream, Z_FINISH);
    packed.resize(stream.total_out);
    ::deflateEnd(&stream);
    return packed;
}

std::string header_of(const std::string& request, const std::string& name) {
    const auto at = request.find("\r\n" + name + ": ");
    if (at == std::string::npos) return {};
    const auto begin = at + 4 + name.size();
    return request.substr(begin, request.find("\r\n", begin) - begin);
}

HttpClientOptions quick() {
    return {.backoff = 1ms};
}

TEST(HttpClient, gets_status_headers_and_body) {
    const Upstream upstream(
        always(Upstream::ok(R"({"currency":"EUR","value":1.5})", "X-Kind: rate\r\nX-Kind: 2\r\n")));
    HttpClient http;
    const Response response = finish(http.get(upstream.url("/rates?of=EUR")));
    EXPECT_EQ(response.status, 200);
    EXPECT_TRUE(response.ok());
    EXPECT_EQ(response.header("x-kind"), "rate");
    EXPECT_EQ(response.header("X-None"), std::nullopt);
    const Rate rate = response.raise_for_status().json<Rate>();
    EXPECT_EQ(rate.currency, "EUR");
    EXPECT_EQ(rate.value, 1.5);
    ASSERT_THAT(upstream.requests(), SizeIs(1));
    EXPECT_THAT(upstream.requests()[0],
                AllOf(StartsWith("GET /rates?of=EUR HTTP/1.1\r\nHost: 127.0.0.1:"),
                      HasSubstr("\r\nUser-Agent: signalbox/"), Not(HasSubstr("traceparent"))));
}

TEST(HttpClient, sends_a_model_as_json_and_content_as_it_is) {
    const Upstream upstream(always("HTTP/1.1 204 No Content\r\n\r\n"));
    HttpClient http;
    const Rate rate{"EUR", 1.5};
    EXPECT_EQ(finish(http.post(upstream.url(), rate)).status, 204);
    EXPECT_EQ(finish(http.put(upstream.url(), Content("a,b\n", "text/csv"))).status, 204);
    EXPECT_EQ(finish(http.patch(upstream.url(), rate)).status, 204);
    EXPECT_EQ(finish(http.del(upstream.url())).status, 204);
    EXPECT_EQ(finish(http.request(http::Method::Options, upstream.url())).status, 204);
    EXPECT_EQ(finish(http.request(http::Method::Post, upstream.url())).status, 204);
    const auto sent = upstream.requests();
    ASSERT_THAT(sent, SizeIs(6));
    EXPECT_THAT(sent[0],
                AllOf(StartsWith("POST / "), HasSubstr("Content-Type: application/json\r\n"),
                      HasSubstr("\r\n\r\n{\"currency\":\"EUR\",\"value\":1.5}")));
    EXPECT_THAT(sent[1], AllOf(StartsWith("PUT / "), HasSubstr("Content-Type: text/csv\r\n"),
                               HasSubstr("\r\n\r\na,b\n")));
    EXPECT_THAT(sent[2], StartsWith("PATCH / "));
    EXPECT_THAT(sent[3], AllOf(StartsWith("DELETE / "), Not(HasSubstr("Content-"))));
    EXPECT_THAT(sent[4], StartsWith("OPTIONS / "));
    EXPECT_THAT(sent[5], AllOf(StartsWith("POST / "), HasSubstr("Content-Length: 0\r\n"),
                               Not(HasSubstr("Content-Type"))));
}

TEST(HttpClient, sends_a_large_body_without_asking_for_leave) {
    const Upstream upstream(always(Upstream::ok("")));
    HttpClient http({.timeout = 1min});
    const std::string large(3'000'000, 'x');
    EXPECT_EQ(finish(http.post(upstream.url(), Content(large))).status, 200);
    ASSERT_THAT(upstream.requests(), SizeIs(1));
    EXPECT_THAT(upstream.requests()[0], Not(HasSubstr("Expect:")));
    EXPECT_TRUE(upstream.requests()[0].ends_with(large));
}

TEST(HttpClient, reads_answers_of_every_form) {
    const std::string packed = gzip("packed");
    const Upstream upstream([&](const std::string& request, std::size_t) {
        if (request.starts_with("HEAD"))
            return Upstream::Answer{"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n"};
        if (request.find("/chunked") != std::string::npos)
            return Upstream::Answer{
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: "
                "chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\nX-Trailer: 1\r\n\r\n"};
        if (request.find("/gzip") != std::string::npos)
            return Upstream::Answer{Upstream::ok(packed, "Content-Encoding: gzip\r\n")};
        if (request.find("/until-closed") != std::string::npos)
            return Upstream::Answer{"HTTP/1.0 200 OK\r\n\r\nto the end", Then::close};
        if (request.find("/hints") != std::string::npos)
            return Upstream::Answer{"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" +
                                    Upstream::ok("hinted", "X: 1\r\n")};
        return Upstream::Answer{Upstream::ok("")};
    });
    HttpClient http;
    EXPECT_EQ(finish(http.head(upstream.url())).header("content-length"), "99999999999");
    const Response chunked = finish(http.get(upstream.url("/chunked")));
    EXPECT_EQ(chunked.body, "abcde");
    EXPECT_THAT(chunked.headers, SizeIs(1)) << "a trailer is no header";
    EXPECT_EQ(finish(http.get(upstream.url("/gzip"))).body, "packed");
    EXPECT_EQ(finish(http.get(upstream.url("/until-closed"))).body, "to the end");
    EXPECT_EQ(finish(http.get(upstream.url("/empty"))).body, "");
    const Response hinted = finish(http.get(upstream.url("/hints")));
    EXPECT_EQ(hinted.status, 200);
    EXPECT_EQ(hinted.body, "hinted");
    EXPECT_THAT(hinted.headers, SizeIs(2)) << "those of the interim response are none of it";
}

TEST(HttpClient, refuses_what_is_no_url_to_call) {
    HttpClient http;
    for (const char* url :
         {"file:///etc/passwd", "ftp://example.com/", "gopher://example.com/", "", "example.com",
          "/relative", "http://", "http://user:secret@example.com/", "http://example.com/a b",
          "http://example.com/\r\nX: y", "http://example.com/\n", "http://ex\xc3\xa4mple.com/",
          "http://example.com:99999/", "dict://127.0.0.1/"}) {
        EXPECT_THROW(static_cast<void>(http.get(url)), std::invalid_argument) << url;
    }
    try {
        static_cast<void>(http.get("file:///etc/passwd"));
        FAIL();
    } catch (const std::invalid_argument& error) {
        EXPECT_THAT(error.what(), HasSubstr("it has to begin with http:// or https://"));
    }
    EXPECT_THROW(static_cast<void>(http.request(http::Method::Connect, "http://example.com/")),
                 std::invalid_argument);
}

TEST(HttpClient, refuses_headers_that_would_be_more_than_one) {
    for (const char* value : {"a\r\nX-Evil: 1", "a\n", "\r", "a\x01"})
        EXPECT_THROW(CallOptions().header("X-Name", value), std::invalid_argument);
    EXPECT_THROW(CallOptions().header("X-Name", std::string_view("a\0b", 3)),
                 std::invalid_argument);
    for (const char* name : {"", "X Y", "X:", "X\r\nY", "X\n"})
        EXPECT_THROW(CallOptions().header(name, "a"), std::invalid_argument);
    for (const char* name : {"Content-Length", "transfer-encoding", "Connection"})
        EXPECT_THROW(CallOptions().header(name, "1"), std::invalid_argument);
    EXPECT_THROW(HttpClient({.headers = {{"X", "a\r\nb"}}}), std::invalid_argument);
    EXPECT_THROW(HttpClient({.user_agent = "a\r\nX: b"}), std::invalid_argument);
    HttpClient http;
    EXPECT_THROW(static_cast<void>(http.post("http://example.com/", Content("", "a\r\nb"))),
                 std::invalid_argument);
}

TEST(HttpClient, sends_headers_of_the_client_and_of_the_call) {
    const Upstream upstream(always(Upstream::ok("")));
    HttpClient http({.base_url = upstream.url("/v2/"),
                     .headers = {{"X-Caller", "shop"}, {"X-Both", "client"}},
                     .user_agent = "shop/1"});
    finish(http.get("/items", CallOptions().header("x-both", "call").header("X-Empty", "")));
    ASSERT_THAT(upstream.requests(), SizeIs(1));
    EXPECT_THAT(upstream.requests()[0],
                AllOf(StartsWith("GET /v2/items "), HasSubstr("\r\nX-Caller: shop\r\n"),
                      HasSubstr("\r\nx-both: call\r\n"), Not(HasSubstr("client")),
                      HasSubstr("\r\nX-Empty:\r\n"), HasSubstr("\r\nUser-Agent: shop/1\r\n")));
}

async::Task<Response> one_after_another(HttpClient& http, std::string url, int count) {
    Response last;
    for (int i = 0; i < count; ++i)
        last = co_await http.get(url);
    co_return last;
}

TEST(HttpClient, keeps_its_connections) {
    const Upstream upstream(always(Upstream::ok("x")));
    HttpClient http;
    finish(one_after_another(http, upstream.url(), 20));
    EXPECT_THAT(upstream.requests(), SizeIs(20));
    EXPECT_EQ(upstream.connections(), 1U);
}

async::Task<> get_into(HttpClient& http, std::string url, Response& response) {
    response = co_await http.get(url);
}

async::Task<Response> at_once(HttpClient& http, std::string url, std::size_t count) {
    std::vector<Response> responses(count);
    std::vector<async::Task<>> calls;
    for (auto& response : responses)
        calls.push_back(get_into(http, url, response));
    co_await async::all(std::move(calls));
    for (const auto& response : responses) {
        if (response.status != 200) throw std::runtime_error("not all were answered");
    }
    co_return std::move(responses.front());
}

TEST(HttpClient, calls_200_at_once_on_no_more_connections_than_it_may_have) {
    const Upstream upstream(always(Upstream::ok("x")));
    HttpClient http({.timeout = 60s, .connections_per_host = 40});
    finish(at_once(http, upstream.url(), 200));
    EXPECT_THAT(upstream.requests(), SizeIs(200));
    EXPECT_LE(upstream.connections(), 40U);
    EXPECT_GT(upstream.connections(), 1U);
}

TEST(HttpClient, has_connections_of_its_own_on_each_loop) {
    const Upstream upstream(always(Upstream::ok("x")));
    HttpClient http;
    async::EventLoop one("one");
    async::EventLoop other("other");
    for (int i = 0; i < 3; ++i) {
        EXPECT_EQ(async::run(one, http.get(upstream.url())).status, 200);
        EXPECT_EQ(async::run(other, http.get(upstream.url())).status, 200);
    }
    EXPECT_EQ(upstream.connections(), 2U);
}

Upstream::Handler busy_at_first(std::size_t times, std::string headers = {}) {
    return [times, headers](const std::string&, std::size_t number) {
        if (number > times) return Upstream::Answer{Upstream::ok("at last")};
        return Upstream::Answer{"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 4\r\n" +
                                headers + "\r\nbusy"};
    };
}

TEST(HttpClient, repeats_what_may_be_repeated) {
    const Upstream upstream(busy_at_first(2));
    HttpClient http(quick());
    EXPECT_EQ(finish(http.get(upstream.url())).body, "at last");
    EXPECT_THAT(upstream.requests(), SizeIs(3));
}

TEST(HttpClient, gives_up_repeating) {
    const Upstream upstream(busy_at_first(100));
    HttpClient http(quick());
    EXPECT_EQ(finish(http.get(upstream.url())).status, 503);
    EXPECT_THAT(upstream.requests(), SizeIs(3));
    EXPECT_EQ(finish(http.get(upstream.url(), CallOptions().retries(0))).status, 503);
    EXPECT_THAT(upstream.requests(), SizeIs(4));
}

TEST(HttpClient, repeats_a_post_only_when_it_is_told_that_it_may) {
    const Upstream upstream(busy_at_first(1));
    HttpClient http(quick());
    EXPECT_EQ(finish(http.post(upstream.url(), 1)).status, 503);
    EXPECT_THAT(upstream.requests(), SizeIs(1));
    const Upstream other(busy_at_first(1));
    EXPECT_EQ(finish(http.post(other.url(), 1, CallOptions().repeatable())).status, 200);
    EXPECT_THAT(other.requests(), SizeIs(2));
    const Upstream third(busy_at_first(1));
    EXPECT_EQ(finish(http.get(third.url(), CallOptions().repeatable(false))).status, 503);
    EXPECT_THAT(third.requests(), SizeIs(1));
}

TEST(HttpClient, waits_as_long_as_the_other_asks_for) {
    const Upstream upstream(busy_at_first(1, "Retry-After: 1\r\n"));
    HttpClient http(quick());
    const auto began = Clock::now();
    EXPECT_EQ(finish(http.get(upstream.url())).status, 200);
    EXPECT_GE(Clock::now() - began, 1s);
}

TEST(HttpClient, does_not_wait_for_what_would_come_too_late) {
    const Upstream upstream(busy_at_first(1, "Retry-After: 3600\r\n"));
    HttpClient http(quick());
    EXPECT_EQ(finish(http.get(upstream.url())).status, 503);
    EXPECT_THAT(upstream.requests(), SizeIs(1));
}

/// The first request is answered; the next on the same connection makes it close.
Upstream::Handler closes_what_was_kept(const std::atomic<bool>& closes) {
    return [&closes](const std::string&, std::size_t) {
        if (closes) return Upstream::Answer{"", Then::close};
        return Upstream::Answer{Upstream::ok("x")};
    };
}

async::Task<Response> after_a_get(HttpClient& http, std::string url, std::atomic<bool>& closes,
                                  bool post) {
    co_await http.get(url);
    closes = true;
    if (post) co_return co_await http.post(url, 1);
    co_return co_await http.get(url);
}

TEST(HttpClient, never_sends_a_post_twice_when_a_kept_connection_breaks) {
    std::atomic<bool> closes = false;
    const Upstream upstream(closes_what_was_kept(closes));
    HttpClient http(quick());
    EXPECT_THROW(finish(after_a_get(http, upstream.url(), closes, true)), ConnectionLost);
    EXPECT_THAT(upstream.requests(), SizeIs(2)) << "libcurl by itself sends it again";
    closes = false;
    EXPECT_THROW(finish(after_a_get(http, upstream.url(), closes, false)), ConnectionLost);
    EXPECT_THAT(upstream.requests(), SizeIs(2 + 1 + 3)) << "a GET as often as it may be";
}

TEST(HttpClient, ends_in_time) {
    const Upstream upstream(never);
    HttpClient http;
    const std::string why =
        message_of<Timeout>(http.get(upstream.url("/secret"), CallOptions().timeout(50ms)));
    EXPECT_THAT(why, AllOf(StartsWith("GET http://127.0.0.1:"), Not(HasSubstr("secret"))));
    EXPECT_THAT(upstream.requests(), SizeIs(Le(1))) << "there is no time to repeat it";
    EXPECT_TRUE(upstream.is_left());
}

TEST(HttpClient, has_no_more_time_than_its_request) {
    const Upstream upstream(never);
    HttpClient http({.timeout = 10min});
    context::RequestContext request;
    request.deadline = Clock::now() + 100ms;
    {
        Running call(http.get(upstream.url()), &request);
        EXPECT_THROW(call.finish(), Timeout);
    }
    EXPECT_GE(Clock::now(), request.deadline);
    {
        Running call(http.get(upstream.url()), &request);
        EXPECT_THROW(call.finish(), Timeout);
    }
    EXPECT_THAT(upstream.requests(), SizeIs(Le(1)))
        << "of a request whose time is up nothing is sent";
}

TEST(HttpClient, in_the_background_outlives_its_requests_deadline) {
    const Upstream upstream(always(Upstream::ok("x")));
    HttpClient http;
    context::RequestContext request;
    request.deadline = Clock::now() - 1s;
    Running call(http.get(upstream.url()), &request, true);
    EXPECT_EQ(call.finish().status, 200);
}

TEST(HttpClient, is_what_its_request_waits_for) {
    const Upstream upstream(never);
    HttpClient http;
    context::RequestContext request;
    Running call(http.get(upstream.url()), &request);
    ASSERT_TRUE(call.turn_until([&] { return !upstream.requests().empty(); }));
    EXPECT_EQ(request.waiting(), context::Waiting::http_client);
    call.cancel();
    EXPECT_TRUE(call.turn_until([&] { return call.done; }));
    EXPECT_EQ(request.waiting(), context::Waiting::handler);
}

TEST(HttpClient, leaves_at_once_when_it_is_cancelled) {
    const Upstream upstream(never);
    HttpClient http;
    Running call(http.get(upstream.url()));
    ASSERT_TRUE(call.turn_until([&] { return !upstream.requests().empty(); }));
    call.cancel();
    EXPECT_TRUE(upstream.is_left()) << "the loop does not turn meanwhile";
    EXPECT_FALSE(call.done);
    EXPECT_TRUE(call.turn_until([&] { return call.done; }));
    EXPECT_TRUE(call.was_cancelled());
}

TEST(HttpClient, can_be_cancelled_while_it_waits_to_repeat) {
    const Upstream upstream(busy_at_first(100, "Retry-After: 5\r\n"));
    HttpClient http;
    Running call(http.get(upstream.url()));
    ASSERT_TRUE(call.turn_until([&] { return !upstream.requests().empty(); }));
    for (int i = 0; i < 20; ++i)
        call.turn_until([&, until = Clock::now() + 5ms] { return Clock::now() > until; });
    call.cancel();
    EXPECT_TRUE(call.turn_until([&] { return call.done; }));
    EXPECT_TRUE(call.was_cancelled());
}

/// Names that nobody finds until it is opened.
class ShutResolver {
  public:
    std::vector<std::string> look_up(const std::string&) {
        std::unique_lock lock(mutex_);
        ++asked_;
        changed_.notify_all();
        changed_.wait(lock, [this] { return open_; });
        --asked_;
        changed_.notify_all();
        return {"127.0.0.1"};
    }
    void open() {
        const std::lock_guard lock(mutex_);
        open_ = true;
        changed_.notify_all();
    }
    /// Whether somebody waits for it now.
    bool is_asked() {
        const std::lock_guard lock(mutex_);
        return asked_ > 0;
    }
    bool is_done() {
        std::unique_lock lock(mutex_);
        return changed_.wait_for(lock, 20s, [this] { return asked_ == 0; });
    }

  private:
    std::mutex mutex_;
    std::condition_variable changed_;
    int asked_ = 0;
    bool open_ = false;
};

HttpClientOptions with(const std::shared_ptr<ShutResolver>& resolver) {
    return {.look_up = [resolver](const std::string& host) { return resolver->look_up(host); }};
}

TEST(HttpClient, holds_no_loop_while_a_name_is_looked_up_nor_when_that_is_cancelled) {
    const auto resolver = std::make_shared<ShutResolver>();
    {
        HttpClient http(with(resolver));
        Running call(http.get("http://name.invalid/"));
        ASSERT_TRUE(call.turn_until([&] { return resolver->is_asked(); }));
        // The loop turns.
        int turns = 0;
        asio::steady_timer heart(call.loop);
        const std::function<void()> beat = [&] {
            heart.expires_after(0ms);
            heart.async_wait([&](const std::error_code& error) {
                if (error) return;
                ++turns;
                beat();
            });
        };
        beat();
        EXPECT_TRUE(call.turn_until([&] { return turns >= 100; }));
        EXPECT_FALSE(call.done);
        // And goes on turning: the look-up is still held when all of this is over.
        const auto began = Clock::now();
        call.cancel();
        const auto held = Clock::now() - began;
        const int before = turns;
        EXPECT_TRUE(call.turn_until([&] { return call.done && turns > before; }));
        EXPECT_TRUE(call.was_cancelled());
        EXPECT_TRUE(resolver->is_asked());
        RecordProperty("held_us", static_cast<int>(held / 1us));
        heart.cancel();
    }
    EXPECT_TRUE(resolver->is_asked()) << "nor did the client's end wait for it";
    resolver->open();
    EXPECT_TRUE(resolver->is_done());
}

TEST(HttpClient, holds_no_loop_while_getaddrinfo_sleeps) {
    HttpClient http;
    Running call(http.get("http://name.blocked.invalid/"));
    ASSERT_TRUE(call.turn_until([&] { return system_resolver.blocks(); }));
    call.cancel();
    EXPECT_TRUE(call.turn_until([&] { return call.done; }));
    EXPECT_TRUE(call.was_cancelled());
    EXPECT_TRUE(system_resolver.blocks()) << "all that was done while it slept";
    system_resolver.open();
    EXPECT_THAT(system_resolver.threads_that_asked_for("name.blocked.invalid"),
                ElementsAre("http-names"));
}

TEST(HttpClient, ends_in_time_while_a_name_is_looked_up) {
    const auto resolver = std::make_shared<ShutResolver>();
    HttpClient http(with(resolver));
    EXPECT_THROW(finish(http.get("http://name.invalid/", CallOptions().timeout(30ms))), Timeout);
    resolver->open();
    EXPECT_TRUE(resolver->is_done());
}

TEST(HttpClient, looks_a_name_up_once_for_all_who_ask_and_remembers_it) {
    const Upstream upstream(always(Upstream::ok("x")));
    std::atomic<int> asked = 0;
    HttpClient http({.look_up = [&](const std::string& host) {
        EXPECT_EQ(host, "shop.example");
        ++asked;
        return std::vector<std::string>{"127.0.0.1"};
    }});
    const auto url = upstream.url("/", "Shop.Example");
    finish(at_once(http, url, 50));
    finish(http.get(url));
    EXPECT_EQ(asked, 1);
    HttpClient forgetful({.name_lifetime = 0ms, .look_up = [&](const std::string&) {
                              ++asked;
                              return std::vector<std::string>{"127.0.0.1"};
                          }});
    finish(one_after_another(forgetful, url, 3));
    EXPECT_EQ(asked, 4);
    EXPECT_THAT(upstream.requests()[0], HasSubstr("\r\nHost: Shop.Example:"));
}

TEST(HttpClient, goes_to_the_next_address_when_nobody_listens_at_the_first) {
    const Upstream upstream(always(Upstream::ok("x")));
    HttpClient http({.retries = 0, .look_up = [](const std::string&) {
                         return std::vector<std::string>{"::1", "127.0.0.1"};
                     }});
    EXPECT_EQ(finish(http.get(upstream.url("/", "shop.example"))).status, 200);
}

TEST(HttpClient, forgets_addresses_of_names_that_it_does_not_call_any_more) {
    const Upstream upstream(always(Upstream::ok("x", "Connection: close\r\n")));
    HttpClient http(
        {.look_up = [](const std::string&) { return std::vector<std::string>{"127.0.0.1"}; }});
    async::EventLoop loop("names");
    for (int i = 0; i < 300; ++i) {
        const std::string host = std::string("h").append(std::to_string(i)).append(".example");
        ASSERT_EQ(async::run(loop, http.get(upstream.url("/", host))).status, 200) << host;
    }
    EXPECT_EQ(async::run(loop, http.get(upstream.url("/", "h0.example"))).status, 200);
}

TEST(HttpClient, calls_a_name_of_the_systems) {
    const Upstream upstream(always(Upstream::ok("x")));
    HttpClient http;
    EXPECT_EQ(finish(http.get(upstream.url("/", "localhost"))).status, 200);
    EXPECT_THAT(system_resolver.threads_that_asked_for("localhost"), Each("http-names"));
    EXPECT_THAT(system_resolver.threads_that_asked_for("localhost"), Not(testing::IsEmpty()));
}

TEST(HttpClient, tells_why_somebody_cannot_be_reached) {
    HttpClient http({.retries = 1, .backoff = 1ms, .look_up = [](const std::string&) {
                         throw std::runtime_error("no such name");
                         return std::vector<std::string>();
                     }});
    EXPECT_EQ(message_of<Unreachable>(http.get("http://shop.example/a?secret=1")),
              "GET http://shop.example:80: its name was not found: no such name");
    std::optional<Upstream> gone;
    gone.emplace(never);
    const std::string url = gone->url();
    gone.reset();
    EXPECT_THAT(message_of<Unreachable>(http.get(url)), StartsWith("GET http://127.0.0.1:"));
}

TEST(HttpClient, takes_no_answer_that_is_none) {
    for (const auto& [answer, then] : std::vector<std::pair<std::string, Then>>{
             {"garbage\r\n\r\n", Then::close},
             {"SSH-2.0-OpenSSH_9.2\r\n", Then::keep},
             {"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n", Then::close},
             {"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nnone",
              Then::keep},
             {"HTTP/1.1 200 OK\r\nA B: c\r\nContent-Length: 0\r\n\r\n", Then::keep},
         }) {
        const Upstream upstream(always(answer, then));
        HttpClient http(quick());
        EXPECT_THROW(finish(http.get(upstream.url())), InvalidAnswer) << answer;
    }
}

TEST(HttpClient, takes_no_half_of_an_answer) {
    const Upstream miscoded(
        always("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", Then::close));
    HttpClient client(quick());
    EXPECT_THROW(finish(client.get(miscoded.url())), Error);
    for (const auto then : {Then::close, Then::half_close, Then::reset}) {
        for (const std::string answer :
             {"", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf",
              "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n"}) {
            const Upstream upstream(always(answer, then));
            HttpClient http(quick());
            EXPECT_THROW(finish(http.get(upstream.url())), ConnectionLost) << answer;
            EXPECT_THAT(upstream.requests(), SizeIs(3)) << answer;
            EXPECT_THROW(finish(http.post(upstream.url(), 1)), ConnectionLost) << answer;
            EXPECT_THAT(upstream.requests(), SizeIs(4)) << answer;
        }
    }
}

TEST(HttpClient, takes_no_more_than_it_may) {
    const std::string large(100'000, 'x');
    const Upstream upstream([&](const std::string& request, std::size_t) {
        return Upstream::Answer{request.find("/gzip") == std::string::npos
                                    ? Upstream::ok(large)
                                    : Upstream::ok(gzip(large), "Content-Encoding: gzip\r\n")};
    });
    HttpClient http({.limit_body = 100'000});
    EXPECT_EQ(finish(http.get(upstream.url())).body, large);
    for (const char* path : {"/", "/gzip"}) {
        EXPECT_THAT(message_of<InvalidAnswer>(
                        http.get(upstream.url(path), CallOptions().limit_body(99'999))),
                    HasSubstr("larger"))
            << path;
    }
    std::string head = "HTTP/1.1 200 OK\r\n";
    for (int i = 0; i < 5000; ++i)
        head.append("X-").append(std::to_string(i)).append(": ").append(80, 'y').append("\r\n");
    const Upstream other(always(head + "\r\n", Then::close));
    EXPECT_THAT(message_of<InvalidAnswer>(http.get(other.url())), HasSubstr("larger"));
}

TEST(HttpClient, tells_what_is_no_json_of_the_type) {
    const Upstream upstream(always(Upstream::ok(R"({"currency":1})")));
    HttpClient http;
    const Response response = finish(http.get(upstream.url()));
    EXPECT_THROW(static_cast<void>(response.json<Rate>()), InvalidAnswer);
    const Upstream other(always("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"));
    try {
        finish(http.get(other.url())).raise_for_status();
        FAIL();
    } catch (const StatusError& error) {
        EXPECT_EQ(error.upstream_status(), 404);
        EXPECT_EQ(error.status(), 502);
        EXPECT_THAT(error.what(), HasSubstr(" answered 404 Not Found"));
    }
}

Upstream::Handler redirects(std::string to, int status = 302) {
    return [to, status](const std::string& request, std::size_t) {
        if (request.find(" /there ") != std::string::npos)
            return Upstream::Answer{Upstream::ok("there")};
        return Upstream::Answer{"HTTP/1.1 " + std::to_string(status) +
                                " Elsewhere\r\nContent-Length: 0\r\nLocation: " + to + "\r\n\r\n"};
    };
}

TEST(HttpClient, follows_no_redirect_by_itself) {
    const Upstream upstream(redirects("/there"));
    HttpClient http;
    const Response response = finish(http.get(upstream.url()));
    EXPECT_EQ(response.status, 302);
    EXPECT_EQ(response.header("Location"), "/there");
    EXPECT_THAT(upstream.requests(), SizeIs(1));
}

TEST(HttpClient, follows_redirects_when_it_is_told_to) {
    for (const auto& [status, method] : std::vector<std::pair<int, std::string>>{
             {301, "GET"}, {302, "GET"}, {303, "GET"}, {307, "POST"}, {308, "POST"}}) {
        const Upstream upstream(redirects("/there", status));
        HttpClient http({.redirects = 1});
        const auto options = CallOptions().header("Authorization", "Bearer secret");
        EXPECT_EQ(finish(http.post(upstream.url(), 17, options)).body, "there") << status;
        ASSERT_THAT(upstream.requests(), SizeIs(2)) << status;
        const std::string second = upstream.requests()[1];
        EXPECT_THAT(second, StartsWith(method + " /there "));
        EXPECT_EQ(header_of(second, "Authorization"), "Bearer secret") << "the same origin";
        EXPECT_EQ(second.ends_with("\r\n\r\n17"), method == "POST");
        EXPECT_EQ(header_of(second, "Content-Type").empty(), method == "GET");
    }
}

TEST(HttpClient, gives_no_credentials_to_where_it_is_redirected) {
    const Upstream other(always(Upstream::ok("other")));
    const Upstream upstream(redirects(other.url("/there")));
    HttpClient http({.headers = {{"X-Api-Key", "secret"}}, .redirects = 5});
    const auto options = CallOptions()
                             .header("Authorization", "Bearer secret")
                             .header("Cookie", "session=secret")
                             .header("Accept", "text/plain");
    EXPECT_EQ(finish(http.get(upstream.url(), options)).body, "other");
    ASSERT_THAT(other.requests(), SizeIs(1));
    EXPECT_THAT(other.requests()[0],
                AllOf(Not(HasSubstr("secret")), HasSubstr("\r\nAccept: text/plain\r\n")));
}

TEST(HttpClient, follows_no_more_redirects_than_it_may_nor_to_anywhere) {
    const Upstream upstream(redirects("/again"));
    HttpClient http({.redirects = 3});
    EXPECT_THAT(message_of<InvalidAnswer>(http.get(upstream.url())),
                HasSubstr("more than 3 redirects"));
    EXPECT_THAT(upstream.requests(), SizeIs(4));
    for (const char* to : {"file:///etc/passwd", "ftp://127.0.0.1/", "http://a:b@127.0.0.1/"}) {
        const Upstream malicious(redirects(to));
        EXPECT_THROW(finish(http.get(malicious.url())), InvalidAnswer) << to;
    }
}

TEST(HttpClient, takes_no_proxy_from_the_environment) {
    const Upstream upstream(always(Upstream::ok("direct")));
    const Upstream proxy(always(Upstream::ok("by a proxy")));
    ASSERT_EQ(::setenv("http_proxy", proxy.url().c_str(), 1), 0);
    HttpClient http;
    EXPECT_EQ(finish(http.get(upstream.url())).body, "direct");
    ::unsetenv("http_proxy");
}

TEST(HttpClient, that_is_destroyed_cancels_its_calls) {
    const Upstream upstream(never);
    const auto resolver = std::make_shared<ShutResolver>();
    auto options = with(resolver);
    options.connect_timeout = 1h;
    options.timeout = 1h;
    std::optional<HttpClient> http(std::in_place, options);
    Running call(http->get(upstream.url()));
    Running looking(http->get("http://name.invalid/"));
    ASSERT_TRUE(call.turn_until([&] { return !upstream.requests().empty(); }));
    ASSERT_TRUE(looking.turn_until([&] { return resolver->is_asked(); }));
    http.reset();
    EXPECT_TRUE(call.turn_until([&] { return call.done; }));
    EXPECT_TRUE(call.was_cancelled());
    EXPECT_TRUE(looking.turn_until([&] { return looking.done; }));
    EXPECT_TRUE(looking.was_cancelled());
    EXPECT_TRUE(upstream.is_left());
    resolver->open();
    EXPECT_TRUE(resolver->is_done());
}

TEST(HttpClient, outlives_a_loop_with_calls_on_it) {
    const Upstream upstream([](const std::string& request, std::size_t) {
        return request.find("/never") == std::string::npos
                   ? std::optional(Upstream::Answer{Upstream::ok("x")})
                   : std::nullopt;
    });
    const auto resolver = std::make_shared<ShutResolver>();
    HttpClient http(with(resolver));
    {
        Running call(at_once(http, upstream.url("/never"), 5));
        Running looking(http.get("http://name.invalid/"));
        ASSERT_TRUE(call.turn_until([&] { return upstream.requests().size() == 5; }));
        ASSERT_TRUE(looking.turn_until([&] { return resolver->is_asked(); }));
    }
    EXPECT_TRUE(upstream.is_left());
    resolver->open();
    EXPECT_TRUE(resolver->is_done());
    EXPECT_EQ(finish(http.get(upstream.url())).status, 200);
}

TEST(HttpClient, counts_what_it_sends) {
    observe::Metrics all;
    const api::Metrics metrics(all);
    EXPECT_THAT(all.text(), Not(HasSubstr("http_client")));
    HttpClient http(metrics, quick());
    HttpClient second(metrics, quick());
    const Upstream upstream(busy_at_first(1));
    finish(http.get(upstream.url()));
    const Upstream silent(never);
    const Upstream left(never);
    EXPECT_THROW(finish(second.post(silent.url(), 1, CallOptions().timeout(20ms))), Timeout);
    {
        Running call(http.get(left.url()));
        ASSERT_TRUE(call.turn_until([&] { return !left.requests().empty(); }));
        const auto samples = test::parse_metrics(all.text());
        EXPECT_EQ(test::total(samples, "http_client_active_requests",
                              {{"server_port", std::to_string(left.port())},
                               {"http_request_method", "GET"}}),
                  1);
        call.cancel();
        ASSERT_TRUE(call.turn_until([&] { return call.done; }));
    }
    const auto samples = test::parse_metrics(all.text());
    const auto count = [&](const Upstream& of, const char* method, const char* status,
                           const char* error) {
        return test::total(samples, "http_client_request_duration_seconds_count",
                           {{"server_address", "127.0.0.1"},
                            {"server_port", std::to_string(of.port())},
                            {"http_request_method", method},
                            {"http_response_status_code", status},
                            {"error_type", error}});
    };
    EXPECT_EQ(count(upstream, "GET", "503", "503"), 1);
    EXPECT_EQ(count(upstream, "GET", "200", ""), 1);
    EXPECT_EQ(count(silent, "POST", "", "timeout"), 1);
    EXPECT_EQ(count(left, "GET", "", "cancelled"), 1);
    EXPECT_EQ(test::total(samples, "http_client_active_requests"), 0);
    EXPECT_EQ(test::total(samples, "signalbox_http_client_retries_total"), 1);
}

TEST(HttpClient, has_metrics_for_no_more_servers_than_are_bounded) {
    observe::Metrics all;
    HttpClient http(api::Metrics(all), {.retries = 0, .look_up = [](const std::string&) {
                                            throw std::runtime_error("none");
                                            return std::vector<std::string>();
                                        }});
    async::EventLoop loop("metrics");
    for (int i = 0; i < 60; ++i)
        EXPECT_THROW(
            async::run(
                loop,
                http.get(std::string("http://h").append(std::to_string(i)).append(".example/"))),
            Unreachable);
    const auto samples = test::parse_metrics(all.text());
    EXPECT_EQ(test::total(samples, "http_client_request_duration_seconds_count",
                          {{"server_address", "_OTHER"}, {"error_type", "name_resolution"}}),
              10);
}

std::string called_url;

std::unique_ptr<HttpClient> make_client(api::Metrics& metrics) {
    return std::make_unique<HttpClient>(metrics, quick());
}

async::Task<Rate> forward(HttpClient& http) {
    const Response response = co_await http.get(called_url);
    co_return response.raise_for_status().json<Rate>();
}

api::Module calling() {
    api::Module module;
    module.provide<make_client>();
    module.get<forward>("/rate");
    return module;
}

TEST(HttpClientOfAHandler, carries_the_trace_on) {
    const Upstream upstream(always(Upstream::ok(R"({"currency":"EUR","value":1.5})")));
    called_url = upstream.url();
    test::Client client(calling());
    const std::string trace = "0af7651916cd43dd8448eb211c80319c";
    const auto response =
        client.get("/rate", {{"traceparent", "00-" + trace + "-b7ad6b7169203331-01"},
                             {"tracestate", "a=1"},
                             {"TraceState", "b=2"}});
    ASSERT_EQ(response.status, 200) << response;
    ASSERT_THAT(upstream.requests(), SizeIs(1));
    const std::string sent = header_of(upstream.requests()[0], "traceparent");
    EXPECT_THAT(sent, StartsWith("00-" + trace + "-"));
    EXPECT_TRUE(sent.ends_with("-01"));
    EXPECT_THAT(sent, Not(HasSubstr("b7ad6b7169203331")));
    const auto own = response.header("traceparent");
    ASSERT_TRUE(own);
    EXPECT_NE(sent, *own) << "a call is a span of its own";
    EXPECT_EQ(header_of(upstream.requests()[0], "tracestate"), "a=1,b=2");
}

TEST(HttpClientOfAHandler, sends_no_tracestate_of_a_trace_that_is_none) {
    const Upstream upstream(always(Upstream::ok(R"({"currency":"EUR","value":1.5})")));
    called_url = upstream.url();
    test::Client client(calling());
    ASSERT_EQ(client.get("/rate", {{"traceparent", "00-none"}, {"tracestate", "a=1"}}).status, 200);
    ASSERT_THAT(upstream.requests(), SizeIs(1));
    EXPECT_THAT(header_of(upstream.requests()[0], "traceparent"), SizeIs(55));
    EXPECT_THAT(upstream.requests()[0], Not(HasSubstr("tracestate")));
}

TEST(HttpClientOfAHandler, is_never_the_clients_fault) {
    test::Client client(calling());
    std::optional<Upstream> upstream;
    upstream.emplace(never);
    called_url = upstream->url();
    upstream.reset();
    auto response = client.get("/rate");
    EXPECT_EQ(response.status, 502);
    EXPECT_EQ(response.json()["detail"], "A service that this one calls cannot be reached");
    upstream.emplace(always("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"));
    called_url = upstream->url();
    response = client.get("/rate");
    EXPECT_EQ(response.status, 502);
    EXPECT_EQ(response.json()["detail"], "A service that this one calls answered with an error");
    upstream.emplace(always(Upstream::ok("no json")));
    called_url = upstream->url();
    response = client.get("/rate");
    EXPECT_EQ(response.status, 502);
    upstream.emplace(never);
    called_url = upstream->url();
    response = client.get("/rate", {{"Request-Timeout", "0.2"}});
    EXPECT_EQ(response.status, 504);
}

}  // namespace
}  // namespace signalbox::client
