#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <deque>
#include <memory>
#include <optional>
#include <unordered_map>

#include "signalbox/http/server/client_network.hpp"

namespace signalbox::http {

/// Which of a loop's connections goes first to make room for a new one: of those that wait for
/// their client, one of the client that has the most of them, and of its own the one that has
/// waited the longest. Each operation takes constant time.
///
/// For the loop's thread.
class EvictionOrder {
  public:
    /// What a connection waits for.
    enum class Waits : unsigned char {
        for_request,  ///< to begin; or for its client to close
        for_client,   ///< to send the rest of a request, or to take a response
        for_nobody,   ///< it has something to do
    };

    /// A connection, as long as it is open. Its place is that of its address in memory.
    class Place;

    EvictionOrder() = default;
    EvictionOrder(const EvictionOrder&) = delete;
    EvictionOrder& operator=(const EvictionOrder&) = delete;

    /// A connection has opened. Without a network it is counted as a client of its own.
    void enter(Place& place, std::optional<ClientNetwork> network);
    /// It closes. Does nothing when it is not there.
    void leave(Place& place) noexcept;
    /// From now on it waits so: it is the last of its client.
    void wait(Place& place, Waits waits);
    /// It has not waited for as long as it seemed: it becomes the last of its client, and its
    /// client the last of those that have as many.
    void to_back(Place& place) noexcept;

    /// The one to go first of those that wait so, if any does.
    Place* first(Waits waits) const noexcept;
    /// How many that client has of them. Any thread.
    std::size_t most(Waits waits) const noexcept {
        return most_[static_cast<std::size_t>(waits)].load(std::memory_order_relaxed);
    }
    /// How many connections a client has in all.
    std::size_t connections_of(std::optional<ClientNetwork> network) const noexcept;

  private:
    /// An element of a circular list, or its head.
    struct Link {
        Link() = default;
        ~Link() { unlink(); }
        Link(const Link&) = delete;
        Link& operator=(const Link&) = delete;
        void unlink() noexcept;
        void link_before(Link& other) noexcept;
        bool alone() const noexcept { return next == this; }

        Link* previous = this;
        Link* next = this;
    };
    struct Client;
    struct Rank : Link {
        Client* client = nullptr;
        std::size_t count = 0;
        Link waiting{};  ///< its connections, the longest first
    };
    struct Client {
        Client();
        std::optional<ClientNetwork> network{};
        std::size_t connections = 0;
        std::array<Rank, 2> ranks{};
    };

    void count(Client& client, Waits waits, std::size_t change);

    std::unordered_map<ClientNetwork, Client> clients_;
    /// By what they wait for and how many, clients that have so many.
    std::array<std::deque<Link>, 2> ranked_;
    std::array<std::atomic<std::size_t>, 2> most_{};

  public:
    class Place : private Link {
      public:
        Place() = default;
        Waits waits() const noexcept { return waits_; }
        /// How many connections its client has in all; 0 when it is not in the order.
        std::size_t connections_of_client() const noexcept;

      private:
        friend class EvictionOrder;
        Client* client_ = nullptr;
        std::unique_ptr<Client> own_{};  ///< of one that is counted alone
        Waits waits_ = Waits::for_nobody;
    };
};

}  // namespace signalbox::http
