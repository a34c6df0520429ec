#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "signalbox/async/handler_memory.hpp"
#include "signalbox/http/server/connection.hpp"
#include "signalbox/http/server/loop_context.hpp"

namespace signalbox::http {

/// The open connections of one event loop, which it owns. For that loop's thread only.
class ConnectionSet {
  public:
    explicit ConnectionSet(LoopContext& loop);

    /// Takes ownership of `socket`, connected and non-blocking. Throws std::runtime_error when the
    /// kernel watches no more sockets, and then it is the caller's.
    void add(int socket, std::string peer_address, std::optional<ClientNetwork> network);

    /// For those that are there and those to come.
    void enter(LoopContext::Phase phase);
    void close_all();
    std::size_t size() const noexcept { return open_.size(); }
    /// Closes one for a new one of this client, the first in the order of those that may go.
    bool make_room(std::optional<ClientNetwork> newcomer);

    /// To be called once a second: see Connection::measure.
    void measure();

    /// Destroys the connections without a word to their clients.
    void clear();

  private:
    void remove(Connection& connection);
    EvictionOrder& order() const noexcept { return loop_.eviction_order; }
    /// Whether the connection's client has more than his share.
    bool hoards(const Connection& connection, std::optional<ClientNetwork> newcomer) const noexcept;
    enum class Whose { hoarders, all };
    bool evict_idle(Whose whose, std::optional<ClientNetwork> newcomer);
    bool evict_waiting(Whose whose, std::optional<ClientNetwork> newcomer);
    void for_each(const std::function<void(Connection&)>& visit);

    LoopContext& loop_;
    std::vector<std::unique_ptr<Connection>> open_;
    /// Until the loop's turn has ended: they may be on the stack, and epoll may have told of them.
    std::vector<std::unique_ptr<Connection>> closed_;
    bool clearing_ = false;  ///< they are, in a later turn
    const async::HandlerMemory clear_memory_;
};

}  // namespace signalbox::http
