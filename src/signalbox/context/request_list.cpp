#include "signalbox/context/request_list.hpp"

namespace signalbox::context {

void RequestList::add(RequestContext& request) {
    const std::lock_guard lock(mutex_);
    request.list_ = this;
    request.previous_ = newest_;
    request.next_ = nullptr;
    (newest_ != nullptr ? newest_->next_ : oldest_) = &request;
    newest_ = &request;
    ++size_;
}

void RequestList::remove(RequestContext& request) {
    const std::lock_guard lock(mutex_);
    request.list_ = nullptr;
    (request.previous_ != nullptr ? request.previous_->next_ : oldest_) = request.next_;
    (request.next_ != nullptr ? request.next_->previous_ : newest_) = request.previous_;
    --size_;
}

void RequestList::lift_deadline(RequestContext& request) {
    const std::lock_guard lock(mutex_);
    request.deadline = RequestContext::Clock::time_point::max();
}

}  // namespace signalbox::context
