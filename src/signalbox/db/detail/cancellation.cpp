#include "signalbox/db/detail/cancellation.hpp"

#include <pthread.h>

#include <thread>
#include <utility>

#include "signalbox/process/unjoined_call.hpp"

namespace signalbox::db {

std::shared_ptr<Cancellation> Cancellation::of(std::shared_ptr<Connection> connection,
                                               std::function<void()> ended) {
    auto cancellation = std::make_shared<Cancellation>();
    std::thread([cancellation, connection = std::move(connection), ended = std::move(ended),
                 call = process::UnjoinedCall()] {
        pthread_setname_np(pthread_self(), "db-cancel");
        try {
            connection->cancel();
        } catch (const std::exception&) {
            // The server cannot be reached, which the connection will find out by itself.
        }
        {
            const std::lock_guard lock(cancellation->mutex_);
            cancellation->has_ended_ = true;
            cancellation->ended_.notify_all();
        }
        ended();
    }).detach();
    return cancellation;
}

bool Cancellation::wait_for(std::chrono::milliseconds timeout) {
    std::unique_lock lock(mutex_);
    return ended_.wait_for(lock, timeout, [this] { return has_ended_; });
}

}  // namespace signalbox::db
