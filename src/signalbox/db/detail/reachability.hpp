#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "signalbox/db/detail/answer_deadline.hpp"
#include "signalbox/db/detail/knocking.hpp"
#include "signalbox/db/pool_options.hpp"

namespace signalbox::db {

/// What a pool knows of whether PostgreSQL answers: how many connections there are, when it was
/// last heard on any of them, and whether an idle one has to ask. Also when to try to connect while
/// there is none, or only silence on them.
///
/// Not safe for threads: the pool's mutex guards it.
class Reachability {
  public:
    using Clock = std::chrono::steady_clock;

    /// For PoolOptions::on_event.
    struct Notice {
        Event event;
        std::string_view text;
    };

    /// For how long PostgreSQL may go unheard before it is asked.
    static constexpr std::chrono::seconds quiet{1};

    /// For how long one that is away is waited for.
    static constexpr std::chrono::seconds patience{1};

    explicit Reachability(Knocking knocking = Knocking()) : knocking_(std::move(knocking)) {}

    /// Whether there is a connection, and PostgreSQL answers as far as is known.
    bool answers() const noexcept { return connections_ > 0 && !silent_; }
    std::size_t connections() const noexcept { return connections_; }

    /// A connection was made, and PostgreSQL answered on it. What is to be told of it, if anything;
    /// of the others as well.
    std::optional<Notice> connected(Clock::time_point now);
    /// A connection is no more.
    void disconnected(Clock::time_point now) noexcept {
        --connections_;
        if (!answers()) away_since_ = std::min(away_since_, now);
    }

    /// From when on it makes no sense to wait for it: it does not answer, and the first second is
    /// over, in which a reconnect usually succeeds. time_point::max() while it answers, and as long
    /// as it never has.
    Clock::time_point hopeless_from() const noexcept {
        return away_since_ == Clock::time_point::max() ? away_since_ : away_since_ + patience;
    }

    /// PostgreSQL answered on a connection.
    std::optional<Notice> heard(Clock::time_point when);
    /// It was cut off on one that it did not answer on. It is that connection only as long as
    /// others are answered.
    std::optional<Notice> unanswered(Clock::time_point now);

    /// Whether the caller, who has an idle connection, shall ask on it. While PostgreSQL is heard
    /// it need not be asked, and one connection is enough to ask. When that got no answer, each has
    /// to find out for itself whether it is of any use.
    bool begin_asking(Clock::time_point now) noexcept;
    void end_asking() noexcept { asking_ = false; }

    /// While it does not answer: whether the caller shall try to connect now (Knocking::begin),
    /// when somebody shall next, and for how long nobody does after a failure.
    bool begin_knocking(Clock::time_point now) { return knocking_.begin(now); }
    Clock::time_point next_knock() const noexcept { return knocking_.next(); }
    std::chrono::milliseconds knocking_failed(Clock::time_point now) {
        return knocking_.failed(now);
    }

    /// Why the last attempt to connect failed; empty when none did.
    const std::string& last_error() const noexcept { return last_error_; }
    void cannot_connect(std::string error) { last_error_ = std::move(error); }

  private:
    std::size_t connections_ = 0;
    Clock::time_point heard_{};
    bool asking_ = false;
    bool silent_ = false;
    Clock::time_point away_since_ = Clock::time_point::max();
    Knocking knocking_;
    std::string last_error_;
};

inline std::optional<Reachability::Notice> Reachability::connected(Clock::time_point now) {
    auto notice = heard(now);
    knocking_.succeeded();
    away_since_ = Clock::time_point::max();
    if (connections_++ > 0) return notice;
    return Notice{Event::connected, "connected to the database"};
}

inline std::optional<Reachability::Notice> Reachability::heard(Clock::time_point when) {
    heard_ = when;
    if (connections_ > 0) away_since_ = Clock::time_point::max();
    if (!std::exchange(silent_, false)) return std::nullopt;
    knocking_.succeeded();
    return Notice{Event::connected, "the database answers again"};
}

inline std::optional<Reachability::Notice> Reachability::unanswered(Clock::time_point now) {
    if (silent_ || now - heard_ < quiet + AnswerDeadline::of_ping) return std::nullopt;
    silent_ = true;
    away_since_ = std::min(away_since_, now);
    return Notice{Event::lost, "the database does not answer"};
}

inline bool Reachability::begin_asking(Clock::time_point now) noexcept {
    if (now - heard_ < quiet || (asking_ && !silent_)) return false;
    asking_ = true;
    return true;
}

}  // namespace signalbox::db
