#pragma once

#include <asio/io_context.hpp>
#include <asio/posix/stream_descriptor.hpp>

#include <chrono>
#include <cstddef>
#include <exception>
#include <memory>
#include <string_view>
#include <vector>

#include "signalbox/async/handler_memory.hpp"

namespace Pistache::Aio {
class Reactor;
}

namespace signalbox::http {

/// What the kernel says of a socket (epoll(7)). It says each thing once, when it becomes true.
struct Readiness {
    bool readable = false;
    bool writable = false;
    bool end_of_stream =
        false;             ///< the client sends nothing more; what it sent may still be unread
    bool hung_up = false;  ///< nothing goes either way any more: a reset, or both have ended
};

/// Whose socket a Transport watches.
class SocketOwner {
  public:
    virtual ~SocketOwner() = default;
    /// In the loop's turn that began at Transport::turn_began().
    virtual void on_ready(Readiness ready) = 0;
    /// See Transport::call_again().
    virtual void on_call_again() = 0;
    /// What one of these threw. The others of the turn are told of their sockets all the same.
    virtual void on_failure(const std::exception_ptr& error) noexcept = 0;
};

/// The sockets of one event loop: Pistache's transport, whose epoll instance the loop watches. It
/// tells their owners what they are ready for and reads for them, on the loop's thread.
///
/// Pistache's own reading goes on until the socket is empty, so a client could fill the memory, and
/// its writing spins on a client that reads slowly: both are ours.
///
/// For the loop's thread, construction and destruction apart.
class Transport {
  public:
    using Clock = std::chrono::steady_clock;

    /// Of one read(), in bytes.
    static constexpr std::size_t read_size = 16 * 1024;

    explicit Transport(asio::io_context& loop);
    /// The loop has ended, or turns no more before it does.
    ~Transport();
    Transport(const Transport&) = delete;
    Transport& operator=(const Transport&) = delete;

    /// Begins to pump. Any thread.
    void start();

    /// Watches a socket for reading until it is closed. The owner is told once what it is ready for
    /// already. Throws std::runtime_error when the kernel watches no more sockets.
    void watch(int socket, SocketOwner& owner);
    /// Of a socket that is watched: from now on for writing, too.
    void watch_writing(int socket, SocketOwner& owner);
    /// Calls on_call_again once, in the loop's next turn: the owner has not come to an end with its
    /// socket, but others have their turn first.
    void call_again(SocketOwner& owner);
    /// Does not, because the owner goes.
    void do_not_call(const SocketOwner& owner);

    struct Read {
        enum class Status { data, nothing_yet, end_of_stream, broken };
        Status status;
        std::string_view bytes{};  ///< valid until the next read, of any socket
    };
    /// Reads once, at most `read_size` bytes. Throws std::system_error when the kernel has no
    /// memory for that, which is not the client's doing.
    Read read(int socket);

    /// When epoll returned for what is handled now.
    Clock::time_point turn_began() const noexcept { return turn_began_; }
    /// What is handled now is not of epoll's making, but a timer's or another thread's.
    Clock::time_point begin_turn() noexcept { return turn_began_ = Clock::now(); }

  private:
    class PistacheTransport;

    void wait();
    void turn();
    void call_those_again();
    template <class Call>
    static void guarded(SocketOwner& owner, Call call);

    asio::io_context& loop_;
    std::shared_ptr<Pistache::Aio::Reactor> reactor_;
    std::shared_ptr<PistacheTransport> pistache_;
    asio::posix::basic_stream_descriptor<asio::io_context::executor_type> readable_;
    /// Without it a loop that cannot allocate would never be told of its sockets again.
    const async::HandlerMemory wait_memory_;
    const std::unique_ptr<char[]> buffer_;
    Clock::time_point turn_began_{};
    std::vector<SocketOwner*> again_;    ///< null: gone meanwhile
    std::vector<SocketOwner*> calling_;  ///< while they are called
};

}  // namespace signalbox::http
