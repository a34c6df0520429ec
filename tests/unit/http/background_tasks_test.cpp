#include "signalbox/http/background_tasks.hpp"

#include <asio/post.hpp>
#include <asio/system_error.hpp>
#include <asio/this_coro.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <future>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "signalbox/api/module.hpp"
#include "signalbox/async/sleep.hpp"
#include "signalbox/async/spawn.hpp"
#include "signalbox/http/server/server.hpp"
#include "signalbox/testing/client.hpp"
#include "support/eventually.hpp"
#include "support/http_client.hpp"

namespace signalbox::http {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;

constexpr auto very_long = 10min;
constexpr auto patience = 30s;
constexpr const char* post = "POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 0\r\n\r\n";
constexpr const char* last_post =
    "POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";

/// What was done, in order. Any thread.
class Notes {
  public:
    void add(std::string what) {
        const std::lock_guard lock(mutex_);
        all_.push_back(std::move(what));
    }
    std::vector<std::string> all() const {
        const std::lock_guard lock(mutex_);
        return all_;
    }

  private:
    mutable std::mutex mutex_;
    std::vector<std::string> all_;
};

/// Suspends until it is set.
async::Task<> until(const std::atomic<bool>& set) {
    while (!set)
        co_await async::sleep_for(5ms);
}

/// A server whose only route answers with 202 and these tasks.
struct Served {
    explicit Served(std::function<void(BackgroundTasks&)> add, std::size_t limit = 1000)
        : server({.workers = 2, .limit_background_tasks = limit},
                 {{.method = "POST",
                   .path = "/",
                   .handler = [this, add = std::move(add)](Request&) -> async::Task<Response> {
                       ++handled;
                       auto tasks = std::make_shared<BackgroundTasks>();
                       add(*tasks);
                       co_return Response{.status = 202, .background = std::move(tasks)};
                   },
                   .has_background_tasks = true}}) {
        server.listen();
    }
    std::string post_one() {
        test::RawClient client(server.port());
        client.send(last_post);
        return client.read_to_end();
    }

    std::atomic<int> handled = 0;
    Server server;
};

TEST(BackgroundTasks, begin_when_the_response_is_sent_and_a_drain_waits_for_them) {
    std::atomic<bool> released = false;
    Notes notes;
    Served served([&](BackgroundTasks& background) {
        background.add([&]() -> async::Task<> {
            co_await until(released);
            notes.add("first");
        });
        background.add(
            [](Notes& its_notes, std::unique_ptr<std::string> text) -> async::Task<> {
                its_notes.add(*text);
                co_return;
            },
            std::ref(notes), std::make_unique<std::string>("second"));
    });
    EXPECT_THAT(served.post_one(), StartsWith("HTTP/1.1 202 "));
    EXPECT_THAT(notes.all(), IsEmpty());
    EXPECT_EQ(served.server.background_tasks().running, 1u);
    auto drained = std::async(std::launch::async, [&] { return served.server.drain(patience); });
    EXPECT_EQ(drained.wait_for(200ms), std::future_status::timeout);
    released = true;
    EXPECT_EQ(drained.get().cancelled, 0u);
    EXPECT_THAT(notes.all(), ElementsAre("first", "second"));
    EXPECT_EQ(served.server.background_tasks().running, 0u);
    EXPECT_EQ(served.server.background_tasks().ended.completed, 1u);
}

TEST(BackgroundTasks, that_fail_are_counted_and_keep_no_other_from_its_turn) {
    Notes notes;
    Served served([&](BackgroundTasks& background) {
        for (const std::string name : {"first", "second", "third"}) {
            background.add(
                [](Notes& its_notes, std::string its_name) -> async::Task<> {
                    its_notes.add(its_name);
                    co_await async::sleep_for(1ms);
                    if (its_name != "third") throw std::runtime_error(its_name);
                },
                std::ref(notes), name);
        }
    });
    testing::internal::CaptureStderr();
    served.post_one();
    EXPECT_EQ(served.server.drain(patience).cancelled, 0u);
    EXPECT_THAT(testing::internal::GetCapturedStderr(),
                testing::AllOf(HasSubstr("a spawned task failed: first"),
                               HasSubstr("a spawned task failed: second")));
    EXPECT_THAT(notes.all(), ElementsAre("first", "second", "third"));
    EXPECT_EQ(served.server.background_tasks().ended.failed, 2u);
    EXPECT_EQ(served.server.background_tasks().ended.completed, 1u);
}

TEST(BackgroundTasks, are_done_for_a_client_that_has_left) {
    std::promise<void> in_handler;
    std::promise<void> done;
    std::atomic<bool> gone = false;
    Server server({.workers = 1}, {{.method = "POST",
                                    .path = "/",
                                    .handler = [&](Request&) -> async::Task<Response> {
                                        in_handler.set_value();
                                        try {
                                            co_await async::sleep_for(very_long);
                                        } catch (const asio::system_error&) {
                                            gone =
                                                true;  // what was committed before stays committed
                                        }
                                        auto tasks = std::make_shared<BackgroundTasks>();
                                        tasks->add([&]() -> async::Task<> {
                                            done.set_value();
                                            co_return;
                                        });
                                        co_return Response{.background = std::move(tasks)};
                                    },
                                    .has_background_tasks = true}});
    server.listen();
    {
        test::RawClient client(server.port());
        client.send(post);
        in_handler.get_future().get();
    }
    done.get_future().get();
    EXPECT_TRUE(gone);
    EXPECT_EQ(server.drain(patience).cancelled, 0u);
}

TEST(BackgroundTasks, beyond_the_limit_are_refused_before_the_handler_runs) {
    std::atomic<bool> released = false;
    Served served([&](BackgroundTasks& background) { background.add(until, std::ref(released)); },
                  1);
    EXPECT_THAT(served.post_one(), StartsWith("HTTP/1.1 202 "));
    const std::string refused = served.post_one();
    EXPECT_THAT(refused, StartsWith("HTTP/1.1 503 "));
    EXPECT_THAT(refused, HasSubstr("Retry-After: "));
    EXPECT_EQ(served.handled, 1);
    released = true;
    EXPECT_TRUE(test::eventually([&] { return served.server.background_tasks().running == 0; }));
    EXPECT_THAT(served.post_one(), StartsWith("HTTP/1.1 202 "));
    EXPECT_EQ(served.handled, 2);
}

TEST(BackgroundTasks, give_their_place_back_when_there_are_none) {
    Served served([](BackgroundTasks&) {}, 1);
    for (int i = 0; i < 3; ++i)
        EXPECT_THAT(served.post_one(), StartsWith("HTTP/1.1 202 "));
}

TEST(BackgroundTasks, are_cancelled_when_the_drain_s_time_is_up_and_the_next_ones_dropped) {
    std::promise<void> begun;
    std::atomic<bool> cancelled = false;
    Notes notes;
    Served served([&](BackgroundTasks& background) {
        background.add([&]() -> async::Task<> {
            begun.set_value();
            try {
                co_await async::sleep_for(very_long);
            } catch (const asio::system_error&) {
                cancelled = true;
                throw;
            }
        });
        background.add([&]() -> async::Task<> {
            notes.add("next");
            co_return;
        });
    });
    served.post_one();
    begun.get_future().get();
    EXPECT_EQ(served.server.drain(100ms).cancelled, 1u);
    EXPECT_TRUE(cancelled);
    EXPECT_THAT(notes.all(), IsEmpty());
    EXPECT_EQ(served.server.background_tasks().ended.cancelled, 1u);
}

// Own loops of a service.

TEST(OwnLoop, is_cancelled_by_a_drain_when_requests_and_their_tasks_have_ended) {
    std::atomic<bool> released = false;
    Notes notes;
    Served served([&](BackgroundTasks& background) {
        background.add([&]() -> async::Task<> {
            co_await until(released);
            notes.add("task");
        });
    });
    asio::post(served.server.first_loop().context(), [&] {
        async::spawn([&]() -> async::Task<> {
            try {
                for (;;)
                    co_await async::sleep_for(very_long);
            } catch (const asio::system_error&) {
                notes.add("loop");
                throw;
            }
        });
    });
    served.post_one();
    auto drained = std::async(std::launch::async, [&] { return served.server.drain(patience); });
    EXPECT_EQ(drained.wait_for(200ms), std::future_status::timeout);
    EXPECT_THAT(notes.all(), IsEmpty());
    released = true;
    EXPECT_EQ(drained.get().cancelled, 0u);
    EXPECT_THAT(notes.all(), ElementsAre("task", "loop"));
    EXPECT_EQ(served.server.background_tasks().ended.cancelled, 0u) << "it is no request's";
}

TEST(OwnLoop, that_does_not_end_is_told_by_the_drain) {
    std::promise<void> begun;
    Served served([](BackgroundTasks&) {});
    asio::post(served.server.first_loop().context(), [&] {
        async::spawn([&]() -> async::Task<> {
            co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
            begun.set_value();
            co_await async::sleep_for(very_long);
        });
    });
    begun.get_future().get();
    EXPECT_EQ(served.server.drain(patience).cancelled, 1u);
}

// By parameters of handlers.

Notes* notes_of_handlers = nullptr;

async::Task<> note(std::string what) {
    co_await async::sleep_for(1ms);
    notes_of_handlers->add(std::move(what));
}

struct Caller {
    std::string name;
};

async::Task<Caller> caller(BackgroundTasks& background) {
    background.add(note, "audited");
    co_return Caller{"ada"};
}

async::Task<std::string> greet(api::Depends<caller> who, BackgroundTasks& background,
                               api::Reply& reply) {
    reply.header("X-For", who->name);
    background.add(note, "greeted " + who->name);
    co_return "hello";
}

async::Task<> fail(BackgroundTasks& background) {
    background.add(note, "never");
    throw std::runtime_error("no");
    co_return;
}

async::Task<> begin_loop() {
    async::spawn([]() -> async::Task<> {
        try {
            for (;;)
                co_await async::sleep_for(very_long);
        } catch (const asio::system_error&) {
            notes_of_handlers->add("loop ended");
        }
    });
    co_return;
}
void on_shutdown() {
    notes_of_handlers->add("shutdown");
}

struct BackgroundTasksOfHandlers : testing::Test {
    BackgroundTasksOfHandlers() { notes_of_handlers = &notes; }

    Notes notes;
};

TEST_F(BackgroundTasksOfHandlers, are_shared_with_dependencies_and_awaited_by_the_test_client) {
    api::Module module;
    module.post<greet>("/greet", {.status = 202});
    test::Client client(module);
    const auto response = client.post("/greet");
    EXPECT_EQ(response.status, 202) << response;
    EXPECT_EQ(response.body, "\"hello\"");
    EXPECT_EQ(response.header("X-For"), "ada");
    EXPECT_THAT(notes.all(), ElementsAre("audited", "greeted ada"));
}

TEST_F(BackgroundTasksOfHandlers, are_none_when_the_handler_throws) {
    api::Module module;
    module.post<fail>("/fail");
    test::Client client(module);
    EXPECT_EQ(client.post("/fail").status, 500);
    EXPECT_THAT(notes.all(), IsEmpty());
}

TEST_F(BackgroundTasksOfHandlers, come_after_what_on_startup_began_and_before_on_shutdown) {
    api::Module module;
    module.post<greet>("/greet").on_startup<begin_loop>().on_shutdown<on_shutdown>();
    test::Client client(module);
    client.post("/greet");
    client.stop();
    EXPECT_THAT(notes.all(), ElementsAre("audited", "greeted ada", "loop ended", "shutdown"));
}

}  // namespace
}  // namespace signalbox::http
