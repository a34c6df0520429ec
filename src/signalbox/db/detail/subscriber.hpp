#pragma once

#include <asio/io_context.hpp>

#include <deque>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "signalbox/async/task.hpp"
#include "signalbox/db/subscription.hpp"

namespace signalbox::db::detail {

/// Between the thread that hears PostgreSQL and the coroutine that awaits it.
///
/// Threads: any; one next() at a time.
class Subscriber : public std::enable_shared_from_this<Subscriber> {
  public:
    explicit Subscriber(std::string channel) : channel_(std::move(channel)) {}

    const std::string& channel() const noexcept { return channel_; }

    async::Task<Notification> next();

    void tell(Notification notification);
    /// The last word: no more will come.
    void stop();

  private:
    struct Waiter;
    template <class Handler>
    struct Coroutine;

    void wait(std::shared_ptr<Waiter> waiter);
    void leave(const std::shared_ptr<Waiter>& waiter);
    /// With the mutex held: what the next one is to get, if there is something.
    std::optional<Notification> take();

    const std::string channel_;
    std::mutex mutex_;
    /// Guarded by mutex_.
    std::deque<Notification> heard_;
    bool overflowed_ = false;
    bool stopped_ = false;
    std::shared_ptr<Waiter> waiter_;
};

}  // namespace signalbox::db::detail
