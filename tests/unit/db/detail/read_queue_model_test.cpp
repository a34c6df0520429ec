#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "signalbox/db/detail/read_queue.hpp"

namespace signalbox::db {
namespace {

using namespace std::chrono_literals;
using Added = ReadQueue::Added;

/// A waiter that remembers what it asked for and what became of it.
struct Tracked : Waiter {
    std::string wanted;
    bool waits = false;
    int outcomes = 0;
    bool left = false;
};

/// Drives a queue at random as a pool would, and checks after each step what must always hold.
class Model {
  public:
    Model(std::uint32_t seed, bool share, std::size_t limit)
        : random_(seed), share_(share), limit_(limit), queue_(share, limit) {}

    void step() {
        now_ += std::chrono::milliseconds(pick(3));
        queue_.end_pauses(now_);
        switch (pick(10)) {
            case 0:
            case 1:
            case 2:
            case 3:
                add();
                break;
            case 4:
            case 5:
                if (queue_.has_ready() && running_.size() < 3) take();
                break;
            case 6:
            case 7:
                if (!running_.empty()) finish();
                break;
            case 8:
                if (!running_.empty() && pick(2) == 0) {
                    put_back();
                } else {
                    leave();
                }
                break;
            case 9:
                if (pick(20) == 0) {
                    shut_down();
                } else {
                    expire();
                }
                break;
        }
        check();
    }

    /// Runs what is left until nobody waits.
    void drain() {
        while (queue_.waiting() > 0 || !running_.empty()) {
            now_ = std::max(now_, std::min(queue_.next_due(), now_ + 1s));
            queue_.end_pauses(now_);
            if (queue_.has_ready()) take();
            if (!running_.empty()) finish();
            check();
        }
        for (const auto& waiter : all_) {
            EXPECT_FALSE(waiter->waits) << "somebody was forgotten";
            EXPECT_EQ(waiter->outcomes + (waiter->left ? 1 : 0), 1);
        }
        EXPECT_EQ(queue_.waiting(), 0U);
        EXPECT_EQ(queue_.next_deadline(), Clock::time_point::max());
    }

  private:
    std::size_t pick(std::size_t below) { return random_() % below; }

    void add() {
        const auto waiter = std::make_shared<Tracked>();
        waiter->wanted = std::string(1, static_cast<char>('a' + pick(3)));
        waiter->since = now_;
        waiter->deadline = now_ + 25ms;
        const bool joinable = share_ && waiting_reads().contains(waiter->wanted);
        const bool runs = share_ && running_with(waiter->wanted) > 0;
        const bool full = queue_.waiting() >= limit_;
        const Added added = queue_.add({waiter->wanted, {}}, waiter);
        const Added expected = joinable ? Added::joined
                               : full   ? Added::full
                               : runs   ? Added::gathering
                                        : Added::ready;
        EXPECT_EQ(added, expected);
        if (added == Added::full) return;
        EXPECT_EQ(waiter->shared, added == Added::joined);
        waiter->waits = true;
        all_.push_back(waiter);
    }

    void take() {
        const auto read = queue_.take(now_);
        EXPECT_FALSE(read->waiters.empty()) << "a read was started for nobody";
        if (share_) {
            EXPECT_EQ(running_with(read->statement.sql), 0U) << "the same read runs twice";
        }
        running_.push_back(read);
    }

    std::shared_ptr<Read> take_one_that_runs() {
        const std::size_t which = pick(running_.size());
        const auto read = running_[which];
        running_.erase(running_.begin() + static_cast<std::ptrdiff_t>(which));
        return read;
    }

    void finish() {
        const auto read = take_one_that_runs();
        for (const auto& waiter : queue_.finish(*read)) {
            auto& tracked = static_cast<Tracked&>(*waiter);
            EXPECT_LE(tracked.since, read->started) << "the rows are older than the request";
            EXPECT_EQ(tracked.wanted, read->statement.sql) << "the rows of another read";
            EXPECT_TRUE(tracked.waits) << "a second outcome";
            tracked.waits = false;
            ++tracked.outcomes;
        }
    }

    void put_back() {
        if (pick(2) == 0) {
            queue_.put_back(take_one_that_runs());
        } else {
            queue_.pause(take_one_that_runs(), now_ + 5ms);
        }
    }

    void leave() {
        if (all_.empty()) return;
        const auto& waiter = all_[pick(all_.size())];
        EXPECT_EQ(queue_.leave(waiter), waiter->waits);
        if (waiter->waits) waiter->left = true;
        waiter->waits = false;
    }

    void take_out(const Waiters& waiters) {
        for (const auto& waiter : waiters) {
            auto& tracked = static_cast<Tracked&>(*waiter);
            EXPECT_TRUE(tracked.waits);
            tracked.waits = false;
            tracked.left = true;
        }
    }

    void expire() {
        const Waiters expired = queue_.leave_expired(now_);
        for (const auto& waiter : expired)
            EXPECT_LE(waiter->deadline, now_);
        take_out(expired);
        // Deadlines come in the order of arrival here, so nobody can hide behind another.
        for (const auto& waiter : all_) {
            if (waiter->waits) {
                EXPECT_GT(waiter->deadline, now_);
            }
        }
    }

    void shut_down() {
        take_out(queue_.leave_all_waiting());
        EXPECT_FALSE(queue_.has_ready());
        EXPECT_EQ(queue_.waiting(), 0U);
    }

    std::size_t running_with(const std::string& sql) const {
        return static_cast<std::size_t>(
            std::count_if(running_.begin(), running_.end(),
                          [&](const auto& read) { return read->statement.sql == sql; }));
    }

    /// The reads that wait, as their waiters see it.
    std::vector<std::shared_ptr<Read>> reads_that_wait() const {
        std::vector<std::shared_ptr<Read>> reads;
        for (const auto& waiter : all_) {
            if (!waiter->waits) continue;
            const auto read = waiter->read.lock();
            if (std::find(running_.begin(), running_.end(), read) != running_.end()) continue;
            if (std::find(reads.begin(), reads.end(), read) == reads.end()) reads.push_back(read);
        }
        return reads;
    }

    /// By statement, how many of each.
    std::map<std::string, std::size_t> waiting_reads() const {
        std::map<std::string, std::size_t> counts;
        for (const auto& read : reads_that_wait())
            ++counts[read->statement.sql];
        return counts;
    }

    void check() {
        std::size_t waiting = 0;
        bool ready = false;
        for (const auto& [sql, count] : waiting_reads()) {
            waiting += count;
            if (share_) {
                EXPECT_EQ(count, 1U) << "two identical reads wait";
            }
        }
        for (const auto& read : reads_that_wait()) {
            const bool pauses = read->state == Read::State::pausing;
            if (pauses) {
                EXPECT_GT(read->due, now_);
            }
            ready = ready || (!pauses && (!share_ || running_with(read->statement.sql) == 0));
        }
        EXPECT_EQ(queue_.waiting(), waiting);
        EXPECT_EQ(queue_.has_ready(), ready) << "what waits for no other can be started";
        EXPECT_EQ(queue_.running().size(), running_.size());
        auto first_deadline = Clock::time_point::max();
        for (const auto& waiter : all_) {
            if (!waiter->waits) continue;
            first_deadline = std::min(first_deadline, waiter->deadline);
            const auto read = waiter->read.lock();
            ASSERT_TRUE(read);
            EXPECT_EQ(std::count(read->waiters.begin(), read->waiters.end(), waiter), 1);
            if (read->state == Read::State::running) {
                EXPECT_GE(read->started, waiter->since);
            }
        }
        EXPECT_EQ(queue_.next_deadline(), first_deadline);
    }

    std::mt19937 random_;
    const bool share_;
    const std::size_t limit_;
    ReadQueue queue_;
    Clock::time_point now_{1h};
    std::vector<std::shared_ptr<Tracked>> all_;
    std::vector<std::shared_ptr<Read>> running_;
};

struct Setting {
    bool share;
    std::size_t limit;
};

class ReadQueueModel : public testing::TestWithParam<Setting> {};

TEST_P(ReadQueueModel, holds_whatever_happens) {
    for (std::uint32_t seed = 1; seed <= 200; ++seed) {
        SCOPED_TRACE("seed " + std::to_string(seed));
        Model model(seed, GetParam().share, GetParam().limit);
        for (int i = 0; i < 200; ++i) {
            model.step();
            if (HasFailure()) return;  // the first is the one to read
        }
        model.drain();
        if (HasFailure()) return;
    }
}

INSTANTIATE_TEST_SUITE_P(all, ReadQueueModel,
                         testing::Values(Setting{true, 2}, Setting{true, 100}, Setting{false, 2},
                                         Setting{false, 100}),
                         [](const auto& info) {
                             return (info.param.share ? "shared_" : "alone_") +
                                    std::to_string(info.param.limit);
                         });

}  // namespace
}  // namespace signalbox::db
