#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "signalbox/async/task.hpp"

namespace signalbox::db {

namespace detail {
class Subscriber;
}

/// What a Subscription tells of its channel.
struct Notification {
    enum class Kind : std::uint8_t {
        notified,     ///< somebody has called NOTIFY, with this payload
        reconnected,  ///< the connection was lost and stands again: what was said meanwhile is lost
        overflowed,   ///< more than Subscription::most waited to be taken: the oldest are lost
    };

    Kind kind = Kind::notified;
    std::string payload{};
};

/// Hears one channel from when it was made (Pool::listen) until it is destroyed: PostgreSQL's
/// LISTEN, https://www.postgresql.org/docs/current/sql-listen.html. What it hears waits for next().
///
///     auto changes = database.listen("prices");
///     for (;;) {
///         const db::Notification change = co_await changes.next();
///         …
///     }
///
/// Threads: next() on one event loop at a time. Lifetime: it may outlive the Pool; after that it
/// hears nothing more.
class Subscription {
  public:
    /// The most notifications that wait.
    static constexpr std::size_t most = 1024;

    explicit Subscription(std::shared_ptr<detail::Subscriber> subscriber);  ///< for the Pool
    ~Subscription();
    Subscription(Subscription&&) noexcept;
    Subscription& operator=(Subscription&&) noexcept;

    /// Waits for the next notification, however long that takes, and resumes on the caller's event
    /// loop. Throws Unavailable, `stopping`, once the pool is being disconnected, and
    /// std::logic_error when another next() waits.
    async::Task<Notification> next();

  private:
    std::shared_ptr<detail::Subscriber> subscriber_;
};

}  // namespace signalbox::db
