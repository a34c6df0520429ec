#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "signalbox/async/event_loop.hpp"
#include "signalbox/http/server/acceptor.hpp"
#include "signalbox/http/server/dealer.hpp"
#include "signalbox/http/server/server_context.hpp"
#include "signalbox/http/server/worker.hpp"

namespace signalbox::http {

/// An HTTP/1.1 server: a thread that accepts connections and deals them out to N workers, each one
/// thread with an event loop. A connection belongs to one worker for life.
///
/// Public members are for one thread, the one that made the server.
class Server {
  public:
    struct Drained {
        std::size_t answered = 0;  ///< requests, since it began
        /// Because the time was up: requests, with 503 or cut off, and spawned tasks.
        std::size_t cancelled = 0;
    };

    /// Throws std::invalid_argument for routes that cannot be, as Router does, or whose bodies do
    /// not fit in `limit_buffered`.
    Server(ServerOptions options, std::vector<Route> routes,
           MakeRequestObserver make_observer = observe_nothing);
    /// Ends at once: what is in flight is dropped. Call drain() before to lose nothing.
    ~Server();
    Server(const Server&) = delete;
    Server& operator=(const Server&) = delete;

    /// Binds to the options' host and port, and begins to accept. Throws std::system_error naming
    /// the address.
    void listen();
    /// Begins to accept from them. There has to be at least one.
    void listen(std::vector<Listener> listeners);
    std::uint16_t port() const noexcept { return port_; }  ///< the first one's; 0 of a Unix socket
    /// `http://127.0.0.1:8000`, with the port that was found, or `unix:/run/api.sock`.
    const std::string& url() const noexcept { return url_; }
    /// Accept from one socket each, until it stops.
    const std::deque<Acceptor>& acceptors() const noexcept { return acceptors_; }

    /// One of the workers', for what is no request's: what an application does when it starts.
    async::EventLoop& first_loop() noexcept { return workers_.front()->loop(); }

    /// For another process has the listening socket and accepts from it: accepts no more, and
    /// leaves who waits there, and a Unix socket's path, to the other. Idle connections are closed
    /// as by drain(). Returns at once; drain() or the destructor comes next.
    void hand_over();

    /// Accepts no more, answers what has arrived (with `Connection: close`), closes what is idle.
    /// What is not answered after `timeout` is cancelled, and so are requests' spawned tasks that
    /// have not ended. Those of no request are the service's own loops: they are cancelled when all
    /// others have ended. Returns when all connections are closed and all tasks have ended, some
    /// seconds after the timeout at the latest.
    Drained drain(std::chrono::milliseconds timeout);

    /// The thread that turned last of all, be it a worker's loop or the acceptor's, and how long
    /// ago that was. Any thread.
    struct SinceTurn {
        std::string loop;
        std::chrono::steady_clock::duration duration;
    };
    SinceTurn longest_since_turn() const;

    /// What requests have spawned: their BackgroundTasks, each request's as one, and what else goes
    /// on without them.
    struct BackgroundTasks {
        std::size_t running;
        async::SpawnedTasks::Ended ended;
    };
    BackgroundTasks background_tasks() const;  ///< Any thread.

    struct Connections {
        std::size_t active;  ///< with a request in flight
        std::size_t idle;    ///< between requests
    };
    Connections connections() const;  ///< Any thread.

    /// Connections that were turned away or closed to make room, ever.
    struct Refusals {
        std::uint64_t at_limit;              ///< --limit-connections
        std::uint64_t at_limit_per_address;  ///< --limit-connections-per-address
        std::uint64_t without_resources;     ///< no memory, or the kernel watches no more
        std::uint64_t evicted_idle;
        std::uint64_t evicted_receiving;  ///< in the middle of a request
        std::uint64_t evicted_sending;    ///< in the middle of a response
    };
    Refusals refusals() const;  ///< Any thread.

    struct Buffered {
        std::size_t requests;             ///< bytes that arrive, or are of requests in flight
        std::size_t responses;            ///< bytes of those that clients do not take
        std::size_t requests_in_kernel;   ///< received for connections that are not read meanwhile
        std::size_t responses_in_kernel;  ///< sent, and not taken by the clients
    };
    Buffered buffered() const;  ///< Any thread.

    struct Streams {
        std::size_t open;     ///< responses that are written piece by piece, and have begun
        std::uint64_t bytes;  ///< of such responses, ever
    };
    Streams streams() const noexcept {  ///< Any thread.
        return {.open = context_.open_streams, .bytes = context_.streamed_bytes};
    }

    /// Any thread, as long as the server lives.
    const UploadDisk& upload_disk() const noexcept { return *context_.upload_disk; }

    /// How many connections were ended for this reason, ever. Any thread.
    std::uint64_t cut(Cut why) const noexcept { return context_.cut[why]; }

  private:
    bool take(Accepted accepted);
    void stop_accepting(void (Acceptor::*how)());
    void flush();
    bool wait_until_closed(std::chrono::steady_clock::time_point deadline);
    using Owner = async::SpawnedTasks::Owner;
    /// How many spawned tasks have not ended by then.
    std::size_t wait_for_spawned(Owner whose, std::chrono::steady_clock::time_point deadline);
    /// How many of requests have not ended by then, and of the service's own do not end when they
    /// are cancelled, as all are.
    std::size_t end_spawned(std::chrono::steady_clock::time_point deadline);

    ServerContext context_;
    std::vector<std::unique_ptr<Worker>> workers_;
    async::EventLoop accept_loop_;  ///< runs no handler, so that nothing there ever blocks
    Dealer dealer_;                 ///< the accept loop's
    std::deque<Acceptor> acceptors_;
    std::uint16_t port_ = 0;
    std::string url_;
};

}  // namespace signalbox::http
