#include "signalbox/http/server/unsent_responses.hpp"

#include <asio/post.hpp>

#include <algorithm>

namespace signalbox::http {

void UnsentResponses::add(UnsentResponse& response, Clock::time_point since, std::size_t size) {
    const std::lock_guard lock(mutex_);
    const auto added = waiting_.emplace(std::pair(since, &response), size).first;
    bytes_ += size;
    // One that is too large by itself has to go: no other makes room for it.
    if (size > limit_) condemn(added);
    while (bytes_ > limit_)
        condemn(waiting_.begin());
}

void UnsentResponses::remove(UnsentResponse& response, Clock::time_point since) {
    const std::lock_guard lock(mutex_);
    const auto found = waiting_.find({since, &response});
    if (found == waiting_.end()) {
        // By the time its loop gets to cut it, its client may have taken something.
        std::erase(condemned_, &response);
        return;
    }
    bytes_ -= found->second;
    waiting_.erase(found);
}

void UnsentResponses::condemn(Waiting::iterator slow) {
    UnsentResponse& response = *slow->first.second;
    bytes_ -= slow->second;
    waiting_.erase(slow);
    condemned_.push_back(&response);
    asio::post(response.loop(), [this, &loop = response.loop()] { cut_those_of(loop); });
}

void UnsentResponses::cut_those_of(asio::io_context& loop) {
    std::vector<UnsentResponse*> its;
    {
        const std::lock_guard lock(mutex_);
        const auto others = std::partition(
            condemned_.begin(), condemned_.end(),
            [&loop](UnsentResponse* response) { return &response->loop() == &loop; });
        its.assign(condemned_.begin(), others);
        condemned_.erase(condemned_.begin(), others);
    }
    // They are alive: only this loop, which is here, destroys them.
    for (UnsentResponse* response : its)
        response->cut();
}

}  // namespace signalbox::http
