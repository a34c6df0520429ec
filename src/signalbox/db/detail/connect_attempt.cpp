#include "signalbox/db/detail/connect_attempt.hpp"

#include <pthread.h>

#include <condition_variable>
#include <mutex>
#include <thread>
#include <utility>

namespace signalbox::db {
namespace {

struct Attempt {
    std::mutex mutex;
    std::condition_variable_any changed;
    /// Guarded by mutex.
    bool has_ended = false;
    ConnectionHandle connection;
};

}  // namespace

ConnectionHandle connect_in_time(std::function<ConnectionHandle()> connect,
                                 std::chrono::steady_clock::time_point until,
                                 const std::stop_token& stop) {
    auto attempt = std::make_shared<Attempt>();
    std::thread([attempt, connect = std::move(connect)] {
        ::pthread_setname_np(::pthread_self(), "db-connect");
        auto connection = connect();
        const std::lock_guard lock(attempt->mutex);
        attempt->connection = std::move(connection);
        attempt->has_ended = true;
        attempt->changed.notify_all();
    }).detach();
    std::unique_lock lock(attempt->mutex);
    attempt->changed.wait_until(lock, stop, until, [&] { return attempt->has_ended; });
    return std::move(attempt->connection);
}

}  // namespace signalbox::db
