#include "signalbox/db/detail/stream_execution.hpp"

#include <asio/post.hpp>

#include <algorithm>
#include <utility>

#include "signalbox/db/error.hpp"

namespace signalbox::db {

void StreamExecution::join(const std::shared_ptr<StreamReader>& reader,
                           const std::shared_ptr<Awaiting>& waiter) {
    const std::lock_guard lock(mutex_);
    reader->shares = waiter->shared = !readers_.empty();
    reader->loop = &waiter->loop();
    reader->waiter = waiter;
    reader->reads = true;
    readers_.push_back(reader);
    ++waiting_;
}

Waiters StreamExecution::begin(Clock::time_point now) {
    const std::lock_guard lock(mutex_);
    started_ = now;
    Waiters waiters;
    for (const auto& reader : readers_)
        waiters.push_back(reader->waiter);
    return waiters;
}

Waiters StreamExecution::leave_expired(Clock::time_point now) {
    const std::lock_guard lock(mutex_);
    Waiters expired;
    for (const auto& reader : StreamReaders(readers_)) {
        if (reader->waiter->deadline <= now) expired.push_back(remove(*reader));
    }
    return expired;
}

Waiters StreamExecution::leave_all() {
    const std::lock_guard lock(mutex_);
    Waiters all;
    for (const auto& reader : StreamReaders(readers_))
        all.push_back(remove(*reader));
    return all;
}

Clock::time_point StreamExecution::next_deadline() const {
    const std::lock_guard lock(mutex_);
    auto first = Clock::time_point::max();
    for (const auto& reader : readers_)
        first = std::min(first, reader->waiter->deadline);
    return first;
}

Clock::time_point StreamExecution::since() const {
    const std::lock_guard lock(mutex_);
    return readers_.empty() ? Clock::time_point::max() : readers_.front()->waiter->since;
}

std::optional<detail::StreamBatch> StreamExecution::take(StreamReader& reader,
                                                         const std::shared_ptr<Awaiting>& waiter) {
    const std::lock_guard lock(mutex_);
    if (reader.ended) std::rethrow_exception(reader.ended);
    const auto now = Clock::now();
    reader.pace.returns(now);
    if (reader.next < end_of_kept()) {
        Kept& kept = kept_[static_cast<std::size_t>(reader.next - first_)];
        detail::StreamBatch batch = kept.batch;
        ++reader.next;
        --kept.readers;
        reader.pace.takes(now, batch.bytes);
        drop_taken();
        return batch;
    }
    if (ended_) {
        remove(reader);
        std::rethrow_exception(error_);
    }
    reader.waiter = waiter;
    ++waiting_;
    return std::nullopt;
}

std::shared_ptr<Awaiting> StreamExecution::leave(StreamReader& reader) {
    const std::lock_guard lock(mutex_);
    return remove(reader);
}

std::shared_ptr<Awaiting> StreamExecution::remove(StreamReader& reader) {
    if (!std::exchange(reader.reads, false)) return nullptr;
    std::erase_if(readers_, [&](const auto& other) { return other.get() == &reader; });
    for (auto number = reader.next; number < end_of_kept(); ++number)
        --kept_[static_cast<std::size_t>(number - first_)].readers;
    drop_taken();
    if (readers_.empty()) room_.notify_one();
    auto waiter = std::exchange(reader.waiter, nullptr);
    if (waiter) --waiting_;
    return waiter;
}

void StreamExecution::drop_taken() {
    const bool was_full = is_full();
    const std::size_t before = bytes_;
    while (!kept_.empty() && kept_.front().readers == 0) {
        bytes_ -= kept_.front().batch.bytes;
        kept_.pop_front();
        ++first_;
    }
    if (left_over_) left_over_->taken(before - bytes_);
    if ((was_full && !is_full()) || (leaves_ && bytes_ < before)) room_.notify_one();
}

void StreamExecution::end_slow(Clock::time_point now, bool wanted) {
    const std::lock_guard lock(mutex_);
    const bool is_waited_for = is_full() && waiting_ > 0;
    if (!wanted && !is_waited_for) return;
    for (const auto& reader : StreamReaders(readers_)) {
        if (!reader->pace.is_behind(now)) continue;
        reader->ended = std::make_exception_ptr(SlowReader());
        remove(*reader);
        // It has a batch in hand.
        asio::post(*reader->loop, [reader] {
            if (const auto call = std::exchange(reader->on_left_behind, nullptr)) call();
        });
    }
}

bool StreamExecution::deserted() const {
    const std::lock_guard lock(mutex_);
    return readers_.empty();
}

bool StreamExecution::has_pushed() const {
    const std::lock_guard lock(mutex_);
    return end_of_kept() > 0;
}

StreamExecution::Room StreamExecution::wait_for_room(std::chrono::milliseconds timeout) {
    std::unique_lock lock(mutex_);
    const bool sees = room_.wait_for(
        lock, timeout, [this] { return stopping_ || readers_.empty() || !is_full(); });
    if (!sees) return Room::not_yet;
    return stopping_ || readers_.empty() ? Room::unwanted : Room::yes;
}

void StreamExecution::push(detail::StreamBatch batch) {
    Waiters waiters;
    Outcome outcome{.batch = batch};
    {
        const std::lock_guard lock(mutex_);
        const auto now = Clock::now();
        outcome.started = started_;
        outcome.finished = now;
        for (const auto& reader : readers_) {
            if (!reader->waiter) continue;
            waiters.push_back(std::exchange(reader->waiter, nullptr));
            ++reader->next;
            reader->pace.takes(now, batch.bytes);
        }
        waiting_ = 0;
        if (batch.last) ended_ = true;
        if (const std::size_t others = readers_.size() - waiters.size();
            others > 0 || !kept_.empty()) {
            bytes_ += batch.bytes;
            kept_.push_back({std::move(batch), others});
        } else {
            ++first_;
        }
    }
    Awaiting::deliver(waiters, std::move(outcome));
}

bool StreamExecution::leave_rest(const std::shared_ptr<LeftOver>& left_over,
                                 std::chrono::milliseconds timeout) {
    std::unique_lock lock(mutex_);
    leaves_ = true;
    return room_.wait_for(lock, timeout, [&] {
        if (stopping_ || kept_.empty()) return true;
        if (!left_over->add(bytes_)) return false;
        left_over_ = left_over;
        return true;
    });
}

void StreamExecution::end(const std::exception_ptr& error) {
    Waiters waiters;
    {
        const std::lock_guard lock(mutex_);
        ended_ = true;
        error_ = error;
        for (const auto& reader : StreamReaders(readers_)) {
            if (reader->waiter) waiters.push_back(remove(*reader));
        }
    }
    Outcome outcome = failed(error);
    outcome.started = started_;
    Awaiting::deliver(waiters, std::move(outcome));
}

void StreamExecution::stop() {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    room_.notify_one();
}

}  // namespace signalbox::db
