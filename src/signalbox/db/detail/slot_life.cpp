#include "signalbox/db/detail/slot_life.hpp"

#include <algorithm>
#include <cassert>
#include <utility>

namespace signalbox::db {

SlotLife::SlotLife(std::chrono::milliseconds max_lifetime, std::function<std::uint64_t()> random)
    : max_lifetime_(max_lifetime), random_(random), backoff_(std::move(random)) {}

SlotLife::Step SlotLife::next(Clock::time_point now, const Surroundings& pool) const {
    if (state_ == State::settling) return {Action::settle};
    if (state_ == State::lent) return {Action::wait_for_return};
    assert(state_ == State::unconnected || state_ == State::idle);
    if (pool.stopping) return {Action::stop};
    if (may_retire(pool)) return {Action::retire};
    if (!pool.allowed) return {Action::wait_for_change};
    return state_ == State::unconnected ? next_unconnected(now, pool) : next_idle(now, pool);
}

/// The last connection stays, or else the last slot, which connects again.
bool SlotLife::may_retire(const Surroundings& pool) const noexcept {
    const bool last_connection = connected() && pool.connections == 1;
    return pool.giving_up && pool.slots > 1 && !last_connection && !pool.reads_ready &&
           !pool.lease_ready;
}

SlotLife::Step SlotLife::next_unconnected(Clock::time_point now,
                                          const Surroundings& pool) const noexcept {
    if (pool.closing_idle && pool.connections > 0 && !pool.wanted) return {Action::wait_for_change};
    // While it is away the next knock is whoever's.
    const auto due = pool.answers ? connect_at_ : std::max(connect_at_, pool.next_knock);
    if (now < due) return {Action::wait_for_change, due};
    Step connect{Action::connect};
    connect.knock = !pool.answers;
    return connect;
}

SlotLife::Step SlotLife::next_idle(Clock::time_point now, const Surroundings& pool) const noexcept {
    if (expires_ <= now) return {Action::replace};
    if (pool.look_due) return {Action::check};  // also when it is never idle for long
    if (pool.lease_ready && (pool.lease_first || !pool.read_for_it)) return {Action::lend};
    if (pool.read_for_it) {
        Step run{Action::run};
        // Asking the kernel costs little, but not nothing: not while it is busy.
        run.look_first = now - unused_since_ > idle_check;
        return run;
    }
    // The last one tells whether PostgreSQL answers.
    const bool closes = pool.closing_idle && pool.connections > 1;
    const auto close_at = closes ? unused_since_ + linger : Clock::time_point::max();
    if (close_at <= now) return {Action::replace};
    if (check_at_ <= now) return {Action::check};
    return {Action::wait_for_read, std::min({check_at_, expires_, close_at})};
}

bool SlotLife::connected() const noexcept {
    return used() || state_ == State::idle || state_ == State::asking;
}

void SlotLife::begin_connecting() noexcept {
    assert(state_ == State::unconnected);
    state_ = State::connecting;
}

void SlotLife::end_connecting(Clock::time_point now) {
    assert(state_ == State::connecting);
    state_ = State::idle;
    backoff_.reset();
    connected_at_ = unused_since_ = now;
    check_at_ = now + idle_check;
    expires_ = Clock::time_point::max();
    if (max_lifetime_.count() == 0) return;
    const auto tenth = static_cast<std::uint64_t>(max_lifetime_.count() / 10 + 1);
    expires_ = now + max_lifetime_ - std::chrono::milliseconds(random_() % tenth);
}

std::chrono::milliseconds SlotLife::pause(Clock::time_point now) {
    const auto pause = backoff_.next();
    connect_at_ = now + pause;
    return pause;
}

void SlotLife::begin_run() noexcept {
    assert(state_ == State::idle);
    state_ = State::running;
}

void SlotLife::end_run(Clock::time_point now, bool settle) noexcept {
    assert(state_ == State::running);
    state_ = settle ? State::settling : State::idle;
    unused_since_ = now;
    check_at_ = now + idle_check;
}

void SlotLife::end_settling(Clock::time_point now) noexcept {
    assert(state_ == State::settling);
    state_ = State::idle;
    checked(now);
}

void SlotLife::begin_lease() noexcept {
    assert(state_ == State::idle);
    state_ = State::lent;
}

void SlotLife::end_lease(Clock::time_point now) noexcept {
    assert(state_ == State::lent);
    state_ = State::idle;
    unused_since_ = now;
    checked(now);
}

void SlotLife::checked(Clock::time_point now) noexcept {
    check_at_ = now + idle_check;
}

void SlotLife::begin_asking() noexcept {
    assert(state_ == State::idle);
    state_ = State::asking;
}

void SlotLife::end_asking(Clock::time_point now) noexcept {
    assert(state_ == State::asking);
    state_ = State::idle;
    checked(now);
}

void SlotLife::disconnected() noexcept {
    assert(state_ != State::unconnected && state_ != State::retired);
    state_ = State::unconnected;
}

void SlotLife::retire() noexcept {
    state_ = State::retired;
}

}  // namespace signalbox::db
