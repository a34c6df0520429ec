#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "signalbox/client/detail/suspended_call.hpp"

namespace signalbox::client {

/// The addresses of host names, looked up on threads of its own, since getaddrinfo(3) blocks and
/// cannot be cancelled: who is cancelled leaves, and the look-up goes on without him.
///
/// What is asked for at the same time is looked up once. Addresses are kept for a while, failures
/// are not.
class Resolver {
  public:
    using LookUp = std::function<std::vector<std::string>(const std::string&)>;
    using Duration = std::chrono::steady_clock::duration;

    /// What a look-up came to: addresses in numbers, or why there are none.
    struct Result {
        std::vector<std::string> addresses{};
        std::string error{};
    };
    /// A place for it, which is the waiting coroutine's and its loop's.
    using Place = std::shared_ptr<std::shared_ptr<const Result>>;

    /// `threads` at most, each begun when it is needed.
    Resolver(LookUp look_up, std::size_t threads, Duration lifetime);
    /// Forgets all who wait, and leaves look-ups that run alone with their threads.
    ~Resolver();
    Resolver(const Resolver&) = delete;
    Resolver& operator=(const Resolver&) = delete;

    /// Of a name that is known; null when it has to be looked up. Any thread.
    std::shared_ptr<const Result> known(const std::string& host) const;

    /// Looks it up, and completes the waiter with the result in its place. Throws std::system_error
    /// when there is no thread to be had. For the waiter's loop.
    void look_up(const std::string& host, const std::shared_ptr<SuspendedCall>& waiter,
                 const Place& place);
    /// Whoever left is not completed. For the waiter's loop.
    void leave(const SuspendedCall& waiter);
    /// The loop ends: nothing is posted to it from now on for who waits on it now. Its thread.
    void leave(const asio::io_context& loop);
    /// All who wait are cancelled, each on his loop. Any thread.
    void cancel_all();

  private:
    struct State;
    const std::shared_ptr<State> state_;
};

/// getaddrinfo(3). Throws std::runtime_error with its reason.
std::vector<std::string> system_addresses(const std::string& host);

}  // namespace signalbox::client
