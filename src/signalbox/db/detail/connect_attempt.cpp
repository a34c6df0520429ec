#include "signalbox/db/detail/connect_attempt.hpp"

#include <pthread.h>

#include <condition_variable>
#include <mutex>
#include <thread>
#include <utility>

#include "signalbox/process/unjoined_call.hpp"

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
    std::thread thread([attempt, connect = std::move(connect), call = process::UnjoinedCall()] {
        ::pthread_setname_np(::pthread_self(), "db-connect");
        auto connection = connect();
        const std::lock_guard lock(attempt->mutex);
        attempt->connection = std::move(connection);
        attempt->has_ended = true;
        attempt->changed.notify_all();
    });
    std::unique_lock lock(attempt->mutex);
    const bool ended =
        attempt->changed.wait_until(lock, stop, until, [&] { return attempt->has_ended; });
    auto connection = std::move(attempt->connection);
    lock.unlock();
    if (ended) {
        thread.join();
    } else {
        thread.detach();
    }
    return connection;
}

}  // namespace signalbox::db
