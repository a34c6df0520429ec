#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <unordered_set>

#include "signalbox/observe/in_flight.hpp"

namespace signalbox::http {

class Connection;
struct ServerContext;

/// The open connections of one event loop, which keeps them alive. For that loop's thread only.
class ConnectionSet {
  public:
    explicit ConnectionSet(ServerContext& server) : server_(server) {}

    void add(const std::shared_ptr<Connection>& connection);
    void remove(const std::shared_ptr<Connection>& connection);

    /// Those that are there and, from now on, those to come.
    void drain();
    void cancel_all(observe::Cancelled reason);
    void close_all();
    /// See Worker.
    bool close_an_idle();

    /// Destroys the connections without a word to their clients.
    void clear() { connections_.clear(); }

  private:
    void for_each(const std::function<void(Connection&)>& visit);

    ServerContext& server_;
    std::unordered_set<std::shared_ptr<Connection>> connections_;
    bool draining_ = false;
    std::optional<observe::Cancelled> cancelled_;  ///< why those to come are, too
};

}  // namespace signalbox::http
