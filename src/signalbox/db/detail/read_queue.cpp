#include "signalbox/db/detail/read_queue.hpp"

#include <algorithm>
#include <cstdint>
#include <utility>

namespace signalbox::db {

namespace {

bool remove(std::list<std::shared_ptr<Read>>& reads, const Read& read) {
    return reads.remove_if([&read](const auto& other) { return other.get() == &read; }) > 0;
}

/// Takes the expired from the front: deadlines follow the order of arrival, or nearly so. One that
/// is a little late for standing behind another is found the next time.
void take_expired(Waiters& from, Clock::time_point now, Waiters& expired) {
    const auto alive = std::find_if(from.begin(), from.end(),
                                    [now](const auto& waiter) { return waiter->deadline > now; });
    expired.insert(expired.end(), from.begin(), alive);
    from.erase(from.begin(), alive);
}

}  // namespace

// Each is preceded by its length, whatever bytes are in it. NULL has none.
std::string key_of(const Statement& statement) {
    std::string key;
    if (statement.form != nullptr)
        key.append("f").append(std::to_string(reinterpret_cast<std::uintptr_t>(statement.form)));
    if (statement.form != nullptr) key += ':';
    key.append(std::to_string(statement.sql.size())).append(":").append(statement.sql);
    for (const auto& parameter : statement.parameters) {
        if (parameter) key.append(std::to_string(parameter->size()));
        key += ':';
        if (parameter) key += *parameter;
    }
    return key;
}

ReadQueue::Added ReadQueue::add(Statement statement, const std::shared_ptr<Waiter>& waiter) {
    std::string key = key_of(statement);
    const bool shared = share_ && statement.may_be_shared;
    Group* const group = shared ? &groups_[key] : nullptr;
    if (group != nullptr && group->waiting) {
        waiter->shared = true;
        waiter->read = group->waiting;
        group->waiting->waiters.push_back(waiter);
        return Added::joined;
    }
    if (waiting_reads_ >= limit_) {
        if (group != nullptr && !group->running) groups_.erase(key);
        return Added::full;
    }
    auto read = std::make_shared<Read>();
    read->statement = std::move(statement);
    read->key = std::move(key);
    read->shared = shared;
    read->waiters.push_back(waiter);
    waiter->read = read;
    ++waiting_reads_;
    if (group != nullptr) group->waiting = read;
    if (group != nullptr && group->running) {
        read->state = Read::State::gathering;
        return Added::gathering;
    }
    ready_.push_back(std::move(read));
    return Added::ready;
}

std::list<std::shared_ptr<Read>>::const_iterator ReadQueue::first_for(
    Clock::time_point connected_at) const {
    return std::find_if(ready_.begin(), ready_.end(), [connected_at](const auto& read) {
        return !read->broke || *read->broke < connected_at;
    });
}

bool ReadQueue::has_ready_for(Clock::time_point connected_at) const {
    return first_for(connected_at) != ready_.end();
}

Clock::time_point ReadQueue::since(Clock::time_point connected_at) const {
    return (*first_for(connected_at))->waiters.front()->since;
}

std::shared_ptr<Read> ReadQueue::take(Clock::time_point now, Clock::time_point connected_at) {
    const auto next = first_for(connected_at);
    if (next == ready_.end()) return nullptr;
    auto read = *next;
    ready_.erase(next);
    --waiting_reads_;
    read->state = Read::State::running;
    read->started = now;
    if (read->shared) {
        Group& group = groups_[read->key];
        group.waiting.reset();
        group.running = true;
    }
    running_.push_back(read);
    return read;
}

/// It waits again, with those who gathered behind it.
void ReadQueue::run_no_more(const std::shared_ptr<Read>& read) {
    remove(running_, *read);
    if (read->shared) {
        Group& group = groups_[read->key];
        group.running = false;
        if (group.waiting) {
            // Others gathered meanwhile: they wait for the same, and came later, so both may share.
            for (const auto& waiter : group.waiting->waiters) {
                waiter->shared = true;
                waiter->read = read;
                read->waiters.push_back(waiter);
            }
            group.waiting->waiters.clear();
            --waiting_reads_;
        }
        group.waiting = read;
    }
    ++waiting_reads_;
}

void ReadQueue::put_back(std::shared_ptr<Read> read) {
    run_no_more(read);
    read->state = Read::State::ready;
    if (read->waiters.empty()) {
        drop_waiting(*read);
    } else {
        ready_.push_front(std::move(read));
    }
}

void ReadQueue::pause(std::shared_ptr<Read> read, Clock::time_point due) {
    run_no_more(read);
    read->state = Read::State::pausing;
    read->due = due;
    if (read->waiters.empty()) {
        drop_waiting(*read);
    } else {
        pausing_.push_back(std::move(read));
    }
}

std::size_t ReadQueue::end_pauses(Clock::time_point now) {
    std::size_t ended = 0;
    for (auto next = pausing_.begin(); next != pausing_.end();) {
        const auto read = next++;
        if ((*read)->due > now) continue;
        (*read)->state = Read::State::ready;
        ready_.splice(ready_.begin(), pausing_, read);
        ++ended;
    }
    return ended;
}

Clock::time_point ReadQueue::next_due() const {
    auto first = Clock::time_point::max();
    for (const auto& read : pausing_)
        first = std::min(first, read->due);
    return first;
}

Waiters ReadQueue::finish(Read& read) {
    read.state = Read::State::done;
    Waiters waiters = std::exchange(read.waiters, {});
    if (read.shared) {
        const auto group = groups_.find(read.key);
        group->second.running = false;
        if (group->second.waiting) {
            group->second.waiting->state = Read::State::ready;
            ready_.push_back(group->second.waiting);
        } else {
            groups_.erase(group);
        }
    }
    remove(running_, read);
    return waiters;
}

bool ReadQueue::leave(const std::shared_ptr<Waiter>& waiter) {
    const auto read = waiter->read.lock();
    if (!read || std::erase(read->waiters, waiter) == 0) return false;
    waiter->read.reset();
    if (read->waiters.empty()) drop_waiting(*read);
    return true;
}

void ReadQueue::drop_waiting(Read& read) {
    if (read.state == Read::State::running || read.state == Read::State::done) return;
    --waiting_reads_;
    read.state = Read::State::done;
    if (read.shared) {
        const auto group = groups_.find(read.key);
        const auto keep = std::exchange(group->second.waiting, nullptr);  // `read` may be the last
        if (!group->second.running) groups_.erase(group);
        if (!remove(ready_, read)) remove(pausing_, read);
        return;
    }
    if (!remove(ready_, read)) remove(pausing_, read);
}

template <class Visit>
void ReadQueue::for_each_read(Visit visit) const {
    for (const auto& read : running_)
        visit(read);
    for (const auto& read : ready_)
        visit(read);
    for (const auto& read : pausing_)
        visit(read);
    for (const auto& [key, group] : groups_) {
        if (group.waiting && group.waiting->state == Read::State::gathering) visit(group.waiting);
    }
}

Waiters ReadQueue::leave_expired(Clock::time_point now) {
    Waiters expired;
    std::vector<std::shared_ptr<Read>> deserted;
    for_each_read([&](const std::shared_ptr<Read>& read) {
        take_expired(read->waiters, now, expired);
        if (read->waiters.empty()) deserted.push_back(read);
    });
    for (const auto& read : deserted)
        drop_waiting(*read);
    return expired;
}

Waiters ReadQueue::leave_all_waiting() {
    Waiters left;
    std::vector<std::shared_ptr<Read>> waiting;
    for_each_read([&](const std::shared_ptr<Read>& read) {
        if (read->state != Read::State::running) waiting.push_back(read);
    });
    for (const auto& read : waiting) {
        left.insert(left.end(), read->waiters.begin(), read->waiters.end());
        read->waiters.clear();
        drop_waiting(*read);
    }
    return left;
}

Clock::time_point ReadQueue::next_deadline() const {
    auto first = Clock::time_point::max();
    for_each_read([&first](const std::shared_ptr<Read>& read) {
        if (!read->waiters.empty()) first = std::min(first, read->waiters.front()->deadline);
    });
    return first;
}

}  // namespace signalbox::db
