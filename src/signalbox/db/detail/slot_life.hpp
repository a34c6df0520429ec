#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>

#include "signalbox/db/detail/backoff.hpp"
#include "signalbox/fast/random.hpp"

namespace signalbox::db {

/// What a thread of the pool and its connection are at, and what the thread is to do next.
///
/// Not safe for threads: the pool's mutex guards it. The slot's thread asks for the next step with
/// the mutex, says that it begins it, does it without, and says what came of it.
class SlotLife {
  public:
    using Clock = std::chrono::steady_clock;

    enum class State : std::uint8_t {
        unconnected,
        connecting,  ///< and asking whether there is a database behind what let it in
        idle,
        running,   ///< a read
        settling,  ///< the read is over, its cancellation may not be
        asking,    ///< whether PostgreSQL is there
        lent,      ///< to a coroutine: the thread leaves it alone
        retired,   ///< for good
    };

    enum class Action : std::uint8_t {
        stop,             ///< the pool ends: close the connection, if there is one
        retire,           ///< the same, for another process's sake
        wait_for_change,  ///< of what the pool is told, or knows of PostgreSQL
        wait_for_read,
        connect,
        run,   ///< the next read
        lend,  ///< to the next who waits for that
        wait_for_return,
        settle,   ///< see to it that a cancellation does not meet the next read
        check,    ///< whether the idle connection is of use, and what there is to be asked on it
        replace,  ///< its time is over, or nobody needs it any more: close it
    };
    struct Step {
        Action action;
        /// Of those that wait: when to look again, whatever happens; time_point::max() for never.
        Clock::time_point until = Clock::time_point::max();
        /// Of `run`: the connection was unused for so long that the server may have closed it.
        bool look_first = false;
        /// Of `connect`: for all, as PostgreSQL does not answer (Knocking).
        bool knock = false;
    };

    /// What the pool knows, as far as this slot's next step depends on it.
    struct Surroundings {
        bool stopping = false;
        bool allowed = true;             ///< this slot may connect
        bool giving_up = false;          ///< connections, to another process
        bool closing_idle = false;       ///< connections, to be made again when they are wanted
        bool wanted = false;             ///< and one is
        std::size_t slots = 1;           ///< that have not retired
        std::size_t connections = 0;     ///< of all slots, with this one's
        bool reads_ready = false;        ///< somebody has to take one
        bool read_for_it = false;        ///< this connection may take one
        bool lease_ready = false;        ///< somebody waits for a connection, and may have it
        bool lease_first = false;        ///< and has waited longer than the next read
        bool look_due = false;           ///< at the schema, by whoever is idle
        bool answers = true;             ///< PostgreSQL, as far as is known
        Clock::time_point next_knock{};  ///< when it does not
    };

    /// How long an idle connection goes unwatched.
    static constexpr std::chrono::seconds idle_check{1};

    /// How long one stays idle while idle ones are closed: the next statement of the same request
    /// is to find it.
    static constexpr std::chrono::milliseconds linger{200};

    /// `max_lifetime` of a connection, less up to a tenth at random, so that those made together do
    /// not all end together; 0: unlimited.
    explicit SlotLife(std::chrono::milliseconds max_lifetime,
                      std::function<std::uint64_t()> random = random_number);

    Step next(Clock::time_point now, const Surroundings& pool) const;

    State state() const noexcept { return state_; }
    /// Whether it has a connection that answered once.
    bool connected() const noexcept;
    /// Whether somebody has the connection for a statement of his.
    bool used() const noexcept {
        return state_ == State::running || state_ == State::settling || state_ == State::lent;
    }
    /// Whether it can be lent, at once and by whoever holds the mutex.
    bool can_be_lent(Clock::time_point now) const noexcept {
        return state_ == State::idle && now < expires_;
    }
    Clock::time_point connected_at() const noexcept { return connected_at_; }

    void begin_connecting() noexcept;
    void end_connecting(Clock::time_point now);
    /// It could not connect, and does not try for as long as is returned, while the others can.
    std::chrono::milliseconds pause(Clock::time_point now);

    void begin_run() noexcept;
    /// `settle`: the connection is not idle before end_settling().
    void end_run(Clock::time_point now, bool settle) noexcept;
    void end_settling(Clock::time_point now) noexcept;

    /// Of the idle connection. When it comes back and is of no more use: disconnected().
    void begin_lease() noexcept;
    void end_lease(Clock::time_point now) noexcept;

    /// The idle connection was looked at, and needs no more for a while.
    void checked(Clock::time_point now) noexcept;
    void begin_asking() noexcept;
    void end_asking(Clock::time_point now) noexcept;

    /// It has no connection any more, or failed to make one.
    void disconnected() noexcept;
    void retire() noexcept;

  private:
    bool may_retire(const Surroundings& pool) const noexcept;
    Step next_unconnected(Clock::time_point now, const Surroundings& pool) const noexcept;
    Step next_idle(Clock::time_point now, const Surroundings& pool) const noexcept;

    const std::chrono::milliseconds max_lifetime_;
    const std::function<std::uint64_t()> random_;
    Backoff backoff_;
    State state_ = State::unconnected;
    Clock::time_point connect_at_{};  ///< not before
    Clock::time_point connected_at_{};
    Clock::time_point expires_ = Clock::time_point::max();
    Clock::time_point unused_since_{};
    Clock::time_point check_at_{};
};

}  // namespace signalbox::db
