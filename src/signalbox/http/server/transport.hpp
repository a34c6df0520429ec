#pragma once

#include <asio/io_context.hpp>

#include <memory>
#include <string>

#include "signalbox/http/router.hpp"
#include "signalbox/http/server/event.hpp"

namespace Pistache::Aio {
class Reactor;
}

namespace signalbox::http {

/// The reading side: one thread of Pistache's reactor and transport. It reads the sockets, cuts
/// the bytes into checked and routed requests, and hands them to the connections' event loop.
///
/// Only Pistache's reading is used: its write path spins on a client that reads slowly and keys
/// responses by descriptor, which the next client may already have got.
class Transport {
  public:
    /// Starts the thread. Events of one turn of the reactor are posted to `loop` as one batch:
    /// a wake-up for each request would cost as much as the request.
    Transport(const std::string& thread_name, asio::io_context& loop, const Router& router);
    /// Stops reading and joins the thread. Connections that are still open get no more events.
    ~Transport();
    Transport(const Transport&) = delete;
    Transport& operator=(const Transport&) = delete;

    /// Begins to read from a connected, non-blocking socket, which Pistache closes at its end of
    /// stream. Any thread may call it.
    void add(int socket, std::shared_ptr<Connection> connection);

  private:
    class PistacheTransport;

    std::shared_ptr<Pistache::Aio::Reactor> reactor_;
    std::shared_ptr<PistacheTransport> transport_;
};

}  // namespace signalbox::http
