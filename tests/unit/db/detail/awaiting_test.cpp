#include "signalbox/db/detail/awaiting.hpp"

#include <asio/bind_cancellation_slot.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/co_spawn.hpp>
#include <asio/error.hpp>
#include <asio/post.hpp>
#include <asio/system_error.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <exception>
#include <future>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "signalbox/async/event_loop.hpp"
#include "signalbox/observe/database_observer.hpp"
#include "unit/db/detail/start.hpp"

namespace signalbox::db {
namespace {

using namespace std::chrono_literals;
using context::Waiting;
using testing::ElementsAre;

struct Told : observe::DatabaseObserver {
    void executed(std::string_view, Duration, std::string_view) override {}
    void waited(Duration duration) override { waits.push_back(duration); }
    void timed_out() override {}
    void shared_a_read() override { ++shared; }
    void retried(observe::Retry) override {}
    void transaction_ended(observe::TransactionOutcome, Duration) override {}
    void streamed(std::size_t, std::size_t) override {}
    void stream_ended(observe::StreamOutcome) override {}
    void connected(Duration) override {}
    void used(Duration) override {}

    std::vector<Duration> waits;
    int shared = 0;
};

/// Rows that a connection was taken for at `start + 1s`, and that were there 2 s later.
Outcome rows(std::string text) {
    return {.rows = JsonText(std::move(text)), .started = start + 1s, .finished = start + 3s};
}

/// What a coroutine got, and where.
struct Result {
    std::string rows;
    std::exception_ptr error;
    std::thread::id thread;
};

class AwaitingTest : public testing::Test {
  protected:
    /// A coroutine that awaits rows, on the loop.
    class Coroutine {
      public:
        Coroutine(async::EventLoop& loop, observe::DatabaseObserver* told,
                  context::RequestContext* request = nullptr)
            : loop_(loop) {
            auto began = waiter_.get_future();
            asio::post(loop.context(), [this, told, request] {
                const async::Executor executor(loop_.executor(), request);
                asio::co_spawn(
                    executor, await(told),
                    asio::bind_cancellation_slot(signal_.slot(), [](std::exception_ptr) {}));
            });
            waiter = began.get();
            waiter->since = start;
        }
        /// When its turn on the loop is over.
        ~Coroutine() {
            run([] {});
        }
        Coroutine(const Coroutine&) = delete;
        Coroutine& operator=(const Coroutine&) = delete;

        /// On the loop's thread, and after what was posted to it before.
        void cancel() {
            run([this] { signal_.emit(asio::cancellation_type::terminal); });
        }
        Result result() { return result_.get_future().get(); }
        int left() const { return left_; }

        std::shared_ptr<Awaiting> waiter;

      private:
        template <class Function>
        void run(Function function) {
            std::promise<void> done;
            asio::post(loop_.context(), [&] {
                function();
                done.set_value();
            });
            done.get_future().get();
        }

        async::Task<> await(observe::DatabaseObserver* told) {
            Result result;
            try {
                const auto begin = [this](const std::shared_ptr<Awaiting>& begun) {
                    waiter_.set_value(begun);
                };
                const auto leave = [this](const std::shared_ptr<Awaiting>& leaving) {
                    if (leaving == waiter) ++left_;
                };
                auto outcome = await_outcome<&Outcome::rows>(told, begin, leave);
                const JsonText got = co_await std::move(outcome);
                result.rows = got.text();
            } catch (...) {
                result.error = std::current_exception();
            }
            result.thread = std::this_thread::get_id();
            result_.set_value(std::move(result));
        }

        async::EventLoop& loop_;
        asio::cancellation_signal signal_;
        std::promise<std::shared_ptr<Awaiting>> waiter_;
        std::promise<Result> result_;
        int left_ = 0;
    };

    std::thread::id thread_of(async::EventLoop& loop) {
        std::promise<std::thread::id> id;
        asio::post(loop.context(), [&] { id.set_value(std::this_thread::get_id()); });
        return id.get_future().get();
    }

    async::EventLoop loop_{"test"}, other_{"other"};
    Told told_;
};

TEST_F(AwaitingTest, ends_on_the_coroutine_s_loop_with_the_part_that_it_wants) {
    Coroutine coroutine(loop_, nullptr);
    Awaiting::deliver({coroutine.waiter}, rows("[1]"));
    const auto result = coroutine.result();
    EXPECT_EQ(result.rows, "[1]");
    EXPECT_EQ(result.thread, thread_of(loop_));
}

TEST_F(AwaitingTest, throws_the_outcome_s_error) {
    Coroutine coroutine(loop_, nullptr);
    Awaiting::deliver({coroutine.waiter}, unavailable("away", Unavailable::Reason::timeout));
    const auto result = coroutine.result();
    ASSERT_TRUE(result.error);
    EXPECT_THROW(std::rethrow_exception(result.error), Unavailable);
}

TEST_F(AwaitingTest, gives_one_outcome_to_all_on_all_their_loops) {
    Coroutine a(loop_, nullptr), b(other_, nullptr), c(loop_, nullptr);
    Awaiting::deliver({a.waiter, b.waiter, c.waiter}, rows("[1]"));
    for (auto* coroutine : {&a, &c}) {
        const auto result = coroutine->result();
        EXPECT_EQ(result.rows, "[1]");
        EXPECT_EQ(result.thread, thread_of(loop_));
    }
    const auto result = b.result();
    EXPECT_EQ(result.rows, "[1]");
    EXPECT_EQ(result.thread, thread_of(other_));
}

TEST_F(AwaitingTest, a_cancelled_one_leaves_and_is_resumed_by_whoever_it_left) {
    Coroutine coroutine(loop_, nullptr);
    coroutine.cancel();
    EXPECT_EQ(coroutine.left(), 1);
    Awaiting::deliver(
        {coroutine.waiter},
        failed(std::make_exception_ptr(asio::system_error(asio::error::operation_aborted))));
    const auto result = coroutine.result();
    ASSERT_TRUE(result.error);
    EXPECT_THROW(std::rethrow_exception(result.error), asio::system_error);
}

TEST_F(AwaitingTest, leaves_nobody_when_it_is_cancelled_after_its_end) {
    Coroutine coroutine(loop_, nullptr);
    Awaiting::deliver({std::exchange(coroutine.waiter, nullptr)}, rows("[]"));
    EXPECT_EQ(coroutine.result().rows, "[]");
    coroutine.cancel();
    EXPECT_EQ(coroutine.left(), 0);
}

TEST_F(AwaitingTest, books_the_wait_and_the_use_for_its_request) {
    context::RequestContext request;
    {
        Coroutine coroutine(loop_, &told_, &request);
        coroutine.waiter->shared = true;
        coroutine.waiter->wait_for(Waiting::database_queue);
        EXPECT_EQ(request.waiting(), Waiting::database_queue);
        Awaiting::wait_for({coroutine.waiter}, Waiting::database);
        EXPECT_EQ(request.waiting(), Waiting::database);
        Awaiting::deliver({std::exchange(coroutine.waiter, nullptr)}, rows("[]"));
        coroutine.result();
    }
    EXPECT_EQ(request.waiting(), Waiting::handler);
    EXPECT_EQ(request.waiting_since(), start + 3s);
    EXPECT_EQ(request.database_wait, 1s);
    EXPECT_EQ(request.database_use, 2s);
    EXPECT_TRUE(request.shared_read);
    EXPECT_THAT(told_.waits, ElementsAre(1s));
    EXPECT_EQ(told_.shared, 1);
}

TEST_F(AwaitingTest, one_that_joined_late_has_waited_for_nothing) {
    Coroutine coroutine(loop_, &told_);
    coroutine.waiter->since = start + 2s;
    Awaiting::deliver({coroutine.waiter}, rows("[]"));
    coroutine.result();
    EXPECT_THAT(told_.waits, ElementsAre(0s));
}

TEST_F(AwaitingTest, one_that_left_a_running_read_has_used_it_until_then) {
    context::RequestContext request;
    {
        Coroutine coroutine(loop_, &told_, &request);
        coroutine.waiter->shared = true;
        coroutine.waiter->began = start + 2s;
        Outcome late = unavailable("late", Unavailable::Reason::timeout);
        late.finished = start + 5s;
        Awaiting::deliver({std::exchange(coroutine.waiter, nullptr)}, std::move(late));
        coroutine.result();
    }
    EXPECT_EQ(request.database_wait, 2s);
    EXPECT_EQ(request.database_use, 3s);
    EXPECT_THAT(told_.waits, ElementsAre(2s));
    EXPECT_EQ(told_.shared, 0) << "it got nothing of what was shared";
}

TEST_F(AwaitingTest, one_that_never_got_a_connection_only_waited) {
    context::RequestContext request;
    {
        Coroutine coroutine(loop_, &told_, &request);
        Outcome refused = unavailable("full", Unavailable::Reason::queue_full);
        refused.finished = start + 1s;
        Awaiting::deliver({std::exchange(coroutine.waiter, nullptr)}, std::move(refused));
        coroutine.result();
    }
    EXPECT_EQ(request.database_wait, 1s);
    EXPECT_EQ(request.database_use, 0s);
    EXPECT_TRUE(told_.waits.empty());
}

}  // namespace
}  // namespace signalbox::db
