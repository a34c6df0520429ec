#include "signalbox/db/detail/awaiting.hpp"

#include <asio/post.hpp>

#include <algorithm>
#include <map>
#include <vector>

#include "signalbox/async/turn.hpp"
#include "signalbox/observe/database_observer.hpp"

namespace signalbox::db {

Awaiting::Awaiting(const async::Executor& executor, observe::DatabaseObserver* observer)
    : loop_(asio::query(executor, asio::execution::context)),
      request_(executor.request()),
      observer_(observer) {}

void Awaiting::wait_for(context::Waiting waiting) const {
    if (request_ != nullptr) request_->wait_for(waiting, Clock::now());
}

void Awaiting::wait_for(const Waiters& waiters, context::Waiting waiting) {
    for (const auto& waiter : waiters)
        static_cast<Awaiting&>(*waiter).wait_for(waiting);
}

void Awaiting::complete(const Outcome& outcome) {
    if (outcome.started != Clock::time_point{}) began = outcome.started;
    const auto started = std::max(began, since);
    const bool ran = began != Clock::time_point{};
    if (observer_ != nullptr) {
        if (ran) observer_->waited(started - since);
        if (ran && shared && !outcome.error) observer_->shared_a_read();
    }
    if (request_ != nullptr) {
        request_->database_wait += (ran ? started : outcome.finished) - since;
        if (ran) request_->database_use += outcome.finished - started;
        request_->shared_read = shared;
        request_->wait_for(context::Waiting::handler, outcome.finished);
    }
    resume(outcome);
}

void Awaiting::deliver(const Waiters& waiters, Outcome reached) {
    if (waiters.empty()) return;
    // Shared as a whole: ThreadSanitizer does not see the reference count of an exception, which
    // libstdc++ keeps in code that was compiled without it.
    auto outcome = std::make_shared<const Outcome>(std::move(reached));
    // One post for each loop: a wake-up for each waiter would cost more than the read they share.
    std::map<asio::io_context*, std::vector<std::shared_ptr<Awaiting>>> by_loop;
    for (const auto& waiter : waiters) {
        auto awaiting = std::static_pointer_cast<Awaiting>(waiter);
        by_loop[&awaiting->loop_].push_back(std::move(awaiting));
    }
    std::size_t left = by_loop.size();
    for (auto& [loop, group] : by_loop) {
        auto its = outcome;
        if (--left == 0) outcome.reset();  // nor is this thread to be the last that has it
        asio::post(*loop, [group = std::move(group), outcome = std::move(its)] {
            for (const auto& awaiting : group) {
                const async::Turn turn(awaiting->request_);
                awaiting->complete(*outcome);
            }
        });
    }
}

}  // namespace signalbox::db
