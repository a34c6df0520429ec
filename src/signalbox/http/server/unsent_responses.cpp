#include "signalbox/http/server/unsent_responses.hpp"

#include "signalbox/http/server/connection.hpp"

namespace signalbox::http {

void UnsentResponses::add(Connection& connection, Clock::time_point since, std::size_t size) {
    const std::lock_guard lock(mutex_);
    const auto added = waiting_.emplace(std::pair(since, &connection), size).first;
    bytes_ += size;
    // One that is too large by itself has to go: no other makes room for it.
    if (size > limit_) cut(added);
    while (bytes_ > limit_)
        cut(waiting_.begin());
}

void UnsentResponses::remove(Connection& connection, Clock::time_point since) {
    const std::lock_guard lock(mutex_);
    const auto found = waiting_.find({since, &connection});
    if (found == waiting_.end()) return;
    bytes_ -= found->second;
    waiting_.erase(found);
}

void UnsentResponses::cut(Waiting::iterator slow) {
    const auto [since, connection] = slow->first;
    bytes_ -= slow->second;
    waiting_.erase(slow);
    // It is alive: its destructor waits for the mutex. By the time its loop gets to it the client
    // may have taken something, and then it has come back here.
    connection->post_cut(since);
}

}  // namespace signalbox::http
