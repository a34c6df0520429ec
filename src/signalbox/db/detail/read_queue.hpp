#pragma once

#include <chrono>
#include <cstddef>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "signalbox/db/detail/connection.hpp"

namespace signalbox::db {

using Clock = std::chrono::steady_clock;

struct Read;

/// Somebody who waits for the outcome of a read.
struct Waiter {
    virtual ~Waiter() = default;

    Clock::time_point since{};
    Clock::time_point deadline = Clock::time_point::max();
    std::weak_ptr<Read> read;  ///< what it waits for
    bool shared = false;       ///< rides on a read that another one asked for
};
using Waiters = std::vector<std::shared_ptr<Waiter>>;

/// One execution of a statement, now or soon, for everybody who asked for it before it started.
struct Read {
    enum class State { ready, gathering, running, pausing, done };

    Statement statement;
    std::string key;
    Waiters waiters;  ///< in the order in which they came
    State state = State::ready;
    bool shared = false;  ///< identical ones are of one group
    Clock::time_point started{};
    /// When it lost its connection; it is tried once more, on a connection newer than that.
    std::optional<Clock::time_point> broke{};
    unsigned conflicts = 0;   ///< how often it failed by what others did
    Clock::time_point due{};  ///< when its pause is over
};

/// Equal for equal statements with equal parameters and rows of one form only.
[[nodiscard]] std::string key_of(const Statement& statement);

/// Which reads wait for a connection, in which order, and who waits for each.
///
/// With sharing on, a read that has not started may be joined by identical ones (same statement,
/// same parameters): it starts after all of them came, so nobody gets data older than their own
/// request. Of identical reads at most one runs; later ones gather into the next, which becomes
/// ready when that one is done. A statement can be exempt from that.
///
/// Not safe for threads: the pool's mutex guards it. A waiter belongs to at most one read.
class ReadQueue {
  public:
    /// `limit`: how many reads may wait. Those who share one count once.
    ReadQueue(bool share, std::size_t limit) : share_(share), limit_(limit) {}

    enum class Added { full, ready, gathering, joined };
    Added add(Statement statement, const std::shared_ptr<Waiter>& waiter);

    bool has_ready() const noexcept { return !ready_.empty(); }
    /// Whether there is one for a connection that was made at `connected_at`.
    bool has_ready_for(Clock::time_point connected_at) const;
    /// Since when the first of those waits; it has to be there.
    Clock::time_point since(Clock::time_point connected_at) const;
    /// The next read for a connection that was made at `connected_at`, now running; null when there
    /// is none for it.
    std::shared_ptr<Read> take(Clock::time_point now,
                               Clock::time_point connected_at = Clock::time_point::max());
    /// Back to the head of the queue: it was taken, but could not be run.
    void put_back(std::shared_ptr<Read> read);
    /// The same, but it is not ready before `due`.
    void pause(std::shared_ptr<Read> read, Clock::time_point due);
    /// Makes those ready, at the head, whose pause is over, and returns how many they were.
    std::size_t end_pauses(Clock::time_point now);
    /// When the first pause is over, or time_point::max().
    Clock::time_point next_due() const;
    /// The read is over: those who waited for it. The reads that gathered meanwhile become ready.
    Waiters finish(Read& read);

    /// Takes the waiter out of its read. False when that is over already. A read that nobody waits
    /// for is not started.
    bool leave(const std::shared_ptr<Waiter>& waiter);
    /// Takes out all whose deadline has passed.
    Waiters leave_expired(Clock::time_point now);
    Waiters leave_all_waiting();
    /// The first deadline of all, or time_point::max().
    Clock::time_point next_deadline() const;

    std::size_t waiting() const noexcept { return waiting_reads_; }
    const std::list<std::shared_ptr<Read>>& running() const noexcept { return running_; }

  private:
    /// Identical reads: at most one that runs, and at most one that waits.
    struct Group {
        std::shared_ptr<Read> waiting;
        bool running = false;
    };

    std::list<std::shared_ptr<Read>>::const_iterator first_for(
        Clock::time_point connected_at) const;
    void run_no_more(const std::shared_ptr<Read>& read);
    void drop_waiting(Read& read);
    template <class Visit>
    void for_each_read(Visit visit) const;

    const bool share_;
    const std::size_t limit_;
    std::size_t waiting_reads_ = 0;
    std::list<std::shared_ptr<Read>> ready_;
    std::list<std::shared_ptr<Read>> running_;
    std::list<std::shared_ptr<Read>> pausing_;
    std::unordered_map<std::string, Group> groups_;  ///< by key; only with sharing
};

}  // namespace signalbox::db
