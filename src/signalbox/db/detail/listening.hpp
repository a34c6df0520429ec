#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "signalbox/db/detail/connection.hpp"
#include "signalbox/db/detail/subscriber.hpp"
#include "signalbox/db/pool_options.hpp"

namespace signalbox::db {

/// The connection on which all channels are heard, and the thread that waits on it. It begins with
/// the first subscription, connects again with backoff whenever it has to, and tells each
/// subscription when it did.
///
/// Threads: any. Lifetime: stop() before the event loops of those who await end.
class Listening {
  public:
    explicit Listening(const PoolOptions& options);
    ~Listening();  ///< stops
    Listening(const Listening&) = delete;
    Listening& operator=(const Listening&) = delete;

    std::shared_ptr<detail::Subscriber> subscribe(std::string channel);
    /// All who wait get Unavailable, and the thread ends.
    void stop();

  private:
    using Subscribers = std::vector<std::shared_ptr<detail::Subscriber>>;

    void run();
    /// Hears until the connection breaks, which throws Unavailable, or until stop().
    void hear(Connection& connection);
    std::unique_ptr<Connection> connect() const;
    /// LISTEN and UNLISTEN, as subscriptions have come and gone.
    void follow(Connection& connection, std::vector<std::string>& heard);
    void tell(Connection& connection);
    Subscribers subscribers();
    /// Waits until something comes on this descriptor, or wake() was called, or for so long.
    void wait(int descriptor, int timeout_ms) const;
    void wake() const;

    const PoolOptions& options_;
    const int wake_;  ///< an eventfd(2)
    std::mutex mutex_;
    /// Guarded by mutex_.
    std::vector<std::weak_ptr<detail::Subscriber>> subscribers_;
    bool stopping_ = false;
    std::thread thread_;
};

}  // namespace signalbox::db
