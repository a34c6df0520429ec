#include "signalbox/http/server/active_request.hpp"

#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/post.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstddef>
#include <functional>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "signalbox/async/sleep.hpp"
#include "support/raw_message.hpp"
#include "unit/http/server/one_loop.hpp"

namespace signalbox::http {
namespace {

using namespace std::chrono_literals;
using context::Cancelled;
using test::get_bytes;
using test::NotingObserver;
using test::OneLoop;
using testing::ElementsAre;
using testing::IsEmpty;
using Clock = ActiveRequest::Clock;
using Finished = NotingObserver::Finished;

/// Ends the request as soon as it has its answer, as if that was sent at once.
struct Owner final : ActiveRequest::Owner {
    context::Reference<ActiveRequest> request;
    std::vector<int> statuses;
    std::string body;
    std::size_t failures = 0;
    bool throws = false;
    bool takes = true;  ///< what is streamed

    void respond(Response&& response) override {
        if (throws) throw std::runtime_error("no memory for the head");
        statuses.push_back(response.status);
        body = response.body.view();
        request->finish(response.status, body.size());
    }
    void on_failure(const std::exception_ptr&) noexcept override { ++failures; }
    void send_piece(const Response&, Body piece) override {
        if (throws) throw std::runtime_error("no memory for the head");
        request->stream_begins();
        body += piece.view();
        if (takes) request->piece_sent();
    }
    void on_held(std::size_t) override {}
    void end_stream(const Response& response) override {
        statuses.push_back(response.status);
        request->finish(response.status, body.size());
    }
    void cut_stream() noexcept override { request->finish_lost(request->error_type, 200); }
};

struct ActiveRequestTest : testing::Test {
    std::vector<std::string> events;
    bool released = false;
    OneLoop one{
        {.limit_concurrency = 3, .timeout_request = 20s, .slow_request_log = 5s},
        {{"GET", "/fast", [this](Request& request) { return fast(request); }},
         {"GET", "/wait", [](Request& request) { return wait(request); }},
         {"GET", "/unless", [this](Request& request) { return answer_all_the_same(request); }},
         {"GET", "/throw", [](Request& request) { return fail(request); }},
         {"GET", "/spawn", [this](Request& request) { return spawn(request); }},
         {.method = "GET",
          .path = "/short",
          .handler = [](Request& request) { return wait(request); },
          .timeout = 1500ms},
         {.method = "GET",
          .path = "/long",
          .handler = [](Request& request) { return wait(request); },
          .timeout = 50s},
         {"GET", "/always", [this](Request& request) { return fast(request); }, false}}};
    Owner owner;

    async::Task<Response> fast(Request& request) {
        events.push_back("handled " + request.path);
        co_return json({{"fast", true}});
    }
    static async::Task<Response> wait(Request&) {
        co_await async::sleep_for(1h);
        co_return json({{"waited", true}});
    }
    async::Task<Response> answer_all_the_same(Request&) {
        try {
            co_await async::sleep_for(1h);
        } catch (...) {
            events.emplace_back("cancelled");
        }
        co_return json({{"all the same", true}});
    }
    static async::Task<Response> fail(Request&) {
        co_await async::sleep_for(1ms);
        throw std::runtime_error("secret");
    }
    async::Task<> work(const Request& request) {
        while (!released)
            co_await async::sleep_for(1ms);
        const async::Executor executor = co_await asio::this_coro::executor;
        events.push_back("worked for " + request.path + " of " +
                         std::string(executor.request()->client_address));
    }
    async::Task<Response> spawn(Request& request) {
        asio::co_spawn(co_await asio::this_coro::executor, work(request), asio::detached);
        co_await async::sleep_for(1h);
        co_return json({{"spawned", true}});
    }

    context::Reference<ActiveRequest> begin(const std::string& path,
                                            const std::string& headers = {}) {
        return ActiveRequest::begin(one.context, one.request(get_bytes(path, headers)), "192.0.2.1",
                                    Clock::now());
    }
    void run_for(Owner& its) {
        bool has_run = false;
        asio::post(one.loop, [&] {
            its.request->run(its);
            has_run = true;
        });
        EXPECT_TRUE(one.turn_until([&] { return has_run; }));
    }
    /// Runs it for the owner, on the loop, where a handler begins at once.
    ActiveRequest& run(const std::string& path, const std::string& headers = {}) {
        owner.request = begin(path, headers);
        run_for(owner);
        return *owner.request;
    }
};

TEST_F(ActiveRequestTest, is_answered_before_it_returns_when_its_handler_needs_no_waiting) {
    run("/fast");
    EXPECT_THAT(owner.statuses, ElementsAre(200));
    EXPECT_EQ(owner.body, R"({"fast":true})");
    EXPECT_THAT(one.observer.finished_requests, ElementsAre(Finished{"/fast", 200, "", ""}));
    EXPECT_EQ(one.server.requests_in_flight, 0U);
    one.settle();
    EXPECT_EQ(one.requests_in_memory(), 1U);
    owner.request = nullptr;
    EXPECT_EQ(one.requests_in_memory(), 0U);
}

TEST_F(ActiveRequestTest, has_the_timeout_of_its_route) {
    const auto timeout = [this](const std::string& path, const std::string& headers = {}) {
        Owner its;
        its.request = begin(path, headers);
        run_for(its);
        const auto after = its.request->deadline - its.request->started;
        its.request->abandon("over");
        one.settle();
        return after;
    };
    EXPECT_EQ(timeout("/wait"), 20s);
    EXPECT_EQ(timeout("/short"), 1500ms);
    EXPECT_EQ(timeout("/long"), 50s);
    // Its client can only shorten it.
    EXPECT_EQ(timeout("/long", "Request-Timeout: 30\r\n"), 30s);
    EXPECT_EQ(timeout("/long", "Request-Timeout: 60\r\n"), 50s);
    EXPECT_EQ(timeout("/short", "Request-Timeout: 1\r\n"), 1s);
    EXPECT_EQ(timeout("/short", "Request-Timeout: 20\r\n"), 1500ms);
}

TEST_F(ActiveRequestTest, knows_whose_it_is) {
    const ActiveRequest& request = run("/wait", "X-Request-ID: mine\r\nRequest-Timeout: 2.5\r\n");
    EXPECT_EQ(request.request_id, "mine");
    EXPECT_EQ(request.route, "/wait");
    EXPECT_EQ(request.method, "GET");
    EXPECT_EQ(request.client_address, "192.0.2.1");
    EXPECT_EQ(request.deadline, request.started + 2500ms);
    EXPECT_EQ(request.in_flight_at_start, 1U);
    EXPECT_EQ(request.size(),
              request.request()->memory_size() + request.request()->body.capacity());
    EXPECT_TRUE(request.running());
}

TEST_F(ActiveRequestTest, has_an_id_of_its_own_when_nobody_gave_one) {
    const auto first = begin("/fast");
    const auto second = begin("/fast");
    EXPECT_THAT(std::string(first->request_id), testing::MatchesRegex("[0-9a-f]+"));
    EXPECT_EQ(first->request_id.size(), 32U);
    EXPECT_NE(first->request_id, second->request_id);
    first->finish(200, 0);
    second->finish(200, 0);
}

TEST_F(ActiveRequestTest, of_what_was_no_request_has_no_more_than_an_address) {
    const auto request = ActiveRequest::begin(one.context, nullptr, "192.0.2.7", Clock::now());
    request->refuse();
    EXPECT_EQ(request->client_address, "192.0.2.7");
    EXPECT_EQ(request->method, "_OTHER");
    EXPECT_EQ(request->request(), nullptr);
    EXPECT_EQ(request->size(), 0U);
    request->finish(400, 10, "no_head");
    EXPECT_THAT(one.observer.finished_requests, ElementsAre(Finished{"", 400, "", "no_head"}));
    EXPECT_EQ(one.server.requests_in_flight, 0U);
}

TEST_F(ActiveRequestTest, without_a_route_or_with_a_bad_timeout_needs_no_handler) {
    run("/nowhere");
    run("/fast", "Request-Timeout: soon\r\n");
    EXPECT_THAT(owner.statuses, ElementsAre(404, 400));
    EXPECT_THAT(events, IsEmpty());
}

TEST_F(ActiveRequestTest, beyond_the_limit_is_turned_away_unless_it_must_not_be) {
    const context::Reference<ActiveRequest> others[] = {begin("/fast"), begin("/fast"),
                                                        begin("/fast")};
    const ActiveRequest& request = run("/fast");
    EXPECT_EQ(request.in_flight_at_start, 4U);
    EXPECT_EQ(request.shed, context::Shed::concurrency);
    run("/nowhere");
    run("/always");
    EXPECT_THAT(owner.statuses, ElementsAre(503, 503, 200));
    others[0]->finish(200, 0);
    run("/fast");
    EXPECT_THAT(owner.statuses, ElementsAre(503, 503, 200, 200));
    EXPECT_THAT(events, ElementsAre("handled /always", "handled /fast"));
    EXPECT_EQ(one.observer.finished_requests[0].error_type, "concurrency_limit");
    others[1]->finish(200, 0);
    others[2]->finish(200, 0);
    EXPECT_EQ(one.server.requests_in_flight, 0U);
}

TEST_F(ActiveRequestTest, that_begins_when_the_drain_is_over_is_turned_away) {
    one.context.phase = LoopContext::Phase::turning_away;
    run("/fast");
    EXPECT_THAT(owner.statuses, ElementsAre(503));
    EXPECT_THAT(events, IsEmpty());
    EXPECT_EQ(one.server.cancelled_while_draining, 1U);
    EXPECT_EQ(one.server.answered_while_draining, 0U);
}

TEST_F(ActiveRequestTest, is_cancelled_at_its_deadline) {
    ActiveRequest& request = run("/wait");
    EXPECT_EQ(request.next_due(), request.started + 5s) << "to be told of as slow";
    request.on_time(request.started + 5s);
    EXPECT_EQ(request.next_due(), request.started + 20s);
    request.on_time(request.started + 20s - 1ms);
    one.settle();
    EXPECT_THAT(owner.statuses, IsEmpty());
    request.on_time(request.started + 20s);
    EXPECT_EQ(request.next_due(), Clock::time_point::max());
    ASSERT_TRUE(one.turn_until([&] { return !owner.statuses.empty(); }));
    EXPECT_THAT(owner.statuses, ElementsAre(504));
    EXPECT_THAT(one.observer.slow_paths, ElementsAre("/wait")) << "once";
}

TEST_F(ActiveRequestTest, is_cancelled_for_the_first_of_all_reasons) {
    ActiveRequest& request = run("/wait");
    request.cancel(Cancelled::shutdown);
    request.cancel(Cancelled::deadline);
    EXPECT_EQ(request.cancelled, Cancelled::shutdown);
    ASSERT_TRUE(one.turn_until([&] { return !owner.statuses.empty(); }));
    EXPECT_THAT(owner.statuses, ElementsAre(503));
    request.cancel(Cancelled::deadline);
    EXPECT_EQ(request.cancelled, Cancelled::shutdown);
}

TEST_F(ActiveRequestTest, tells_a_deadline_that_its_client_has_set_from_the_services_own) {
    ActiveRequest& clients = run("/wait", "Request-Timeout: 5\r\n");
    clients.on_time(clients.started + 5s);
    EXPECT_EQ(clients.cancelled, Cancelled::client_deadline);
    ASSERT_TRUE(one.turn_until([&] { return owner.statuses.size() == 1; }));
    EXPECT_EQ(clients.error_type, "client_deadline");
    // It may ask for more than there is, which is the service's own then.
    for (const char* header : {"", "Request-Timeout: 20\r\n", "Request-Timeout: 1000\r\n"}) {
        owner.statuses.clear();
        ActiveRequest& own = run("/wait", header);
        own.on_time(own.started + 20s);
        EXPECT_EQ(own.cancelled, Cancelled::deadline) << header;
        ASSERT_TRUE(one.turn_until([&] { return owner.statuses.size() == 1; }));
        EXPECT_EQ(own.error_type, "deadline");
        EXPECT_THAT(owner.statuses, ElementsAre(504));
    }
}

TEST_F(ActiveRequestTest, that_was_lost_counts_with_what_its_client_got_of_it) {
    struct Case {
        std::string_view because;
        int begun;
        int status;
    };
    for (const Case& lost : std::initializer_list<Case>{{"client_gone", 0, 499},
                                                        {"client_gone", 200, 499},
                                                        {"write_timeout", 200, 200},
                                                        {"limit_buffered", 200, 200},
                                                        {"limit_buffered", 0, 503},
                                                        {"shutdown", 0, 503},
                                                        {"connection_failed", 0, 500}}) {
        one.observer.finished_requests.clear();
        owner.request = begin("/wait");
        owner.request->refuse();
        owner.request->finish_lost(lost.because, lost.begun);
        EXPECT_THAT(one.observer.finished_requests,
                    ElementsAre(Finished{"/wait", lost.status, std::string(lost.because), ""}));
    }
}

TEST_F(ActiveRequestTest, is_not_cancelled_when_it_has_answered) {
    ActiveRequest& request = run("/fast");
    request.cancel(Cancelled::client_gone);
    EXPECT_EQ(request.cancelled, Cancelled::no);
}

TEST_F(ActiveRequestTest, answers_the_generic_error_when_its_handler_throws) {
    const ActiveRequest& request = run("/throw");
    ASSERT_TRUE(one.turn_until([&] { return !owner.statuses.empty(); }));
    EXPECT_THAT(owner.statuses, ElementsAre(500));
    EXPECT_EQ(owner.body, R"({"detail":"Internal Server Error"})");
    EXPECT_EQ(request.error_cause(), "secret");
}

TEST_F(ActiveRequestTest, tells_its_owner_what_the_owner_throws) {
    owner.throws = true;
    owner.request = begin("/wait");
    run_for(owner);
    owner.request->cancel(Cancelled::deadline);
    ASSERT_TRUE(one.turn_until([&] { return owner.failures == 1; }));
    EXPECT_FALSE(owner.request->running());
    owner.request->finish_lost("connection_failed");
    EXPECT_THAT(one.observer.finished_requests,
                ElementsAre(Finished{"/wait", 500, "connection_failed", ""}));
}

TEST_F(ActiveRequestTest, that_is_abandoned_ends_for_the_log_only) {
    run("/unless");
    owner.request->abandon(ActiveRequest::limit_buffered);
    EXPECT_TRUE(owner.request->running());
    EXPECT_THAT(one.observer.finished_requests, IsEmpty()) << "its handler still runs";
    owner.request = nullptr;
    ASSERT_TRUE(one.turn_until([&] { return one.requests_in_memory() == 0; }));
    EXPECT_THAT(events, ElementsAre("cancelled"));
    EXPECT_THAT(owner.statuses, IsEmpty());
    EXPECT_THAT(one.observer.finished_requests,
                ElementsAre(Finished{"/unless", 503, "limit_buffered", ""}));
    EXPECT_EQ(one.server.requests_in_flight, 0U);
}

TEST_F(ActiveRequestTest, outlives_its_owner_as_long_as_something_works_for_it) {
    {
        Owner leaving;
        leaving.request = begin("/spawn");
        run_for(leaving);
        leaving.request->abandon(ActiveRequest::client_gone);
        leaving.request = nullptr;
    }
    ASSERT_TRUE(one.turn_until([&] { return !one.observer.finished_requests.empty(); }));
    EXPECT_THAT(one.observer.finished_requests,
                ElementsAre(Finished{"/spawn", 499, "client_gone", ""}));
    EXPECT_EQ(one.server.requests_in_flight, 0U);
    one.settle();
    EXPECT_EQ(one.requests_in_memory(), 1U);
    released = true;
    ASSERT_TRUE(one.turn_until([&] { return one.requests_in_memory() == 0; }));
    EXPECT_THAT(events, ElementsAre("worked for /spawn of 192.0.2.1"));
    EXPECT_EQ(one.observer.finished_requests.size(), 1U) << "once";
}

TEST_F(ActiveRequestTest, goes_with_a_loop_that_ends_before_its_handler) {
    run("/spawn");
    owner.request->abandon(ActiveRequest::client_gone);
    owner.request = nullptr;
    run("/wait");
    owner.request = nullptr;  // what is left are the coroutines, which the loop destroys
}

TEST_F(ActiveRequestTest, counts_for_the_drain_as_answered_or_not) {
    one.context.phase = LoopContext::Phase::draining;
    run("/fast");
    run("/wait");
    owner.request->abandon(ActiveRequest::client_gone);
    ASSERT_TRUE(one.turn_until([&] { return one.observer.finished_requests.size() == 2; }));
    EXPECT_EQ(one.server.answered_while_draining, 1U);
    EXPECT_EQ(one.server.cancelled_while_draining, 0U) << "its client has left by itself";
    run("/wait");
    one.context.phase = LoopContext::Phase::turning_away;
    owner.request->cancel(Cancelled::shutdown);
    ASSERT_TRUE(one.turn_until([&] { return one.observer.finished_requests.size() == 3; }));
    EXPECT_THAT(owner.statuses, ElementsAre(200, 503));
    EXPECT_EQ(one.server.answered_while_draining, 1U);
    EXPECT_EQ(one.server.cancelled_while_draining, 1U);
}

}  // namespace
}  // namespace signalbox::http
