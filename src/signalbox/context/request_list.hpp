#pragma once

#include <cstddef>
#include <mutex>

#include "signalbox/context/request_context.hpp"

namespace signalbox::context {

/// The requests in flight on one event loop, the oldest first.
class RequestList {
  public:
    /// For the loop's thread. A request leaves by itself when it is destroyed.
    void add(RequestContext& request);
    void remove(RequestContext& request);
    /// Of one that is in here.
    void lift_deadline(RequestContext& request);

    /// Calls `visit(const RequestContext&)` for each, which stays as it is meanwhile; the loop
    /// waits for it where it adds or removes one. Any thread: no loop has to turn for it.
    template <class Visit>
    std::size_t for_each(Visit visit) const {
        const std::lock_guard lock(mutex_);
        for (const RequestContext* request = oldest_; request != nullptr; request = request->next_)
            visit(*request);
        return size_;
    }

  private:
    mutable std::mutex mutex_;
    /// Guarded by mutex_, as are the links between the requests.
    RequestContext* oldest_ = nullptr;
    RequestContext* newest_ = nullptr;
    std::size_t size_ = 0;
};

}  // namespace signalbox::context
