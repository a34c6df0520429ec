#include "signalbox/http/server/transport.hpp"

#include <asio/post.hpp>
#include <pistache/peer.h>
#include <pistache/reactor.h>
#include <pistache/tcp.h>
#include <pistache/transport.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <exception>
#include <mutex>
#include <system_error>
#include <utility>
#include <vector>

#include "signalbox/http/server/connection.hpp"

namespace signalbox::http {

namespace {

namespace Tcp = Pistache::Tcp;

const std::string connection_key = "c";

constexpr std::size_t largest_batch = 256;

/// What Pistache keeps for us with a peer. It is emptied at the end of input, so that a connection
/// is destroyed on its event loop and not here.
struct Handle {
    std::shared_ptr<Connection> connection;
};

Handle& handle_of(const Tcp::Peer& peer) {
    return *std::static_pointer_cast<Handle>(peer.getData(connection_key));
}

/// Everything here runs on the HTTP thread.
class InputHandler final : public Tcp::Handler {
  public:
    PROTOTYPE_OF(Tcp::Handler, InputHandler)

    InputHandler(asio::io_context& loop, const Router& router) : loop_(loop), router_(router) {}
    /// For Pistache, which clones a handler for each of its threads.
    InputHandler(const InputHandler& other)
        : Tcp::Handler(other), loop_(other.loop_), router_(other.router_) {}

    void onInput(const char* buffer, size_t length,
                 const std::shared_ptr<Tcp::Peer>& peer) override {
        const std::shared_ptr<Connection>& connection = handle_of(*peer).connection;
        if (!connection->wants_input()) return;
        connection->decoder().feed({buffer, length}, [&](Decoded decoded) {
            std::visit([&](auto& what) { emit(connection, std::move(what)); }, decoded);
        });
        // A client that floods keeps Pistache reading; what came before is not held back for it.
        if (batch_.size() >= largest_batch) flush();
        connection->note_partial_message();
        const auto phase = connection->decoder().phase();
        if (connection->partial_phase_changes_to(phase)) {
            auto head = connection->decoder().copy_head();
            if (head) complete(connection, *head);
            emit(connection, PartialMessage{.phase = phase, .head = std::move(head)});
        }
    }

    void onConnection(const std::shared_ptr<Tcp::Peer>& peer) override {
        emit(handle_of(*peer).connection, Opened{});
    }

    void onDisconnection(const std::shared_ptr<Tcp::Peer>& peer) override {
        batch_.push_back({std::move(handle_of(*peer).connection), EndOfInput{}});
    }

    /// Hands over what this turn of the reactor brought.
    void flush() {
        if (batch_.empty()) return;
        asio::post(loop_, [batch = std::exchange(batch_, {})]() mutable {
            for (InputEvent& event : batch)
                event.connection->on_input(std::move(event.what));
        });
    }

  private:
    void emit(const std::shared_ptr<Connection>& connection, std::unique_ptr<Request> request) {
        complete(connection, *request);
        connection->count_request(*request);
        batch_.push_back({connection, std::move(request)});
    }

    void emit(const std::shared_ptr<Connection>& connection, Refusal refusal) {
        if (refusal.request) complete(connection, *refusal.request);
        batch_.push_back({connection, std::move(refusal)});
    }

    template <class What>
    void emit(const std::shared_ptr<Connection>& connection, What what) {
        batch_.push_back({connection, std::move(what)});
    }

    /// With what its head alone does not say.
    void complete(const std::shared_ptr<Connection>& connection, Request& request) {
        router_.route(request);
        connection->complete_request(request);
    }

    asio::io_context& loop_;
    const Router& router_;
    std::vector<InputEvent> batch_;
};

}  // namespace

/// Pistache clones its transport for each thread of the reactor; we give each its own reactor, so
/// that a connection's reading thread and event loop are a pair for life.
///
/// New sockets come by a queue of our own. Pistache's loses wake-ups: its consumer empties the
/// eventfd after it found the queue empty, so what is pushed in between waits for the next push,
/// and a client that nobody follows is never read. Given on the reactor's own thread, a socket
/// does not pass through that queue.
class Transport::PistacheTransport final : public Tcp::Transport {
  public:
    explicit PistacheTransport(std::shared_ptr<InputHandler> handler)
        : Tcp::Transport(handler), handler_(std::move(handler)) {}
    ~PistacheTransport() override {
        if (wake_up_ >= 0) ::close(wake_up_);
    }

    void registerPoller(Pistache::Polling::Epoll& poller) override {
        Tcp::Transport::registerPoller(poller);
        wake_up_ = ::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
        if (wake_up_ < 0) throw std::system_error(errno, std::generic_category(), "eventfd");
        using Pistache::Polling::NotifyOn;
        poller.addFd(wake_up_, Pistache::Flags<NotifyOn>(NotifyOn::Read),
                     Pistache::Polling::Tag(static_cast<std::uint64_t>(wake_up_)));
    }

    void onReady(const Pistache::Aio::FdSet& ready) override {
        const Pistache::Polling::Tag wake_up(static_cast<std::uint64_t>(wake_up_));
        if (std::any_of(ready.begin(), ready.end(),
                        [wake_up](const auto& entry) { return entry.getTag() == wake_up; })) {
            take_new();
        }
        Tcp::Transport::onReady(ready);
        handler_->flush();
    }

    std::shared_ptr<Pistache::Aio::Handler> clone() const override {
        return std::make_shared<PistacheTransport>(
            std::static_pointer_cast<InputHandler>(handler_->clone()));
    }

    /// Any thread.
    void add(std::shared_ptr<Tcp::Peer> peer) {
        {
            const std::lock_guard lock(mutex_);
            new_peers_.push_back(std::move(peer));
        }
        const std::uint64_t one = 1;
        // It can only fail when the counter is full, and then a wake-up is due anyway.
        [[maybe_unused]] const auto written = ::write(wake_up_, &one, sizeof one);
    }

  private:
    void take_new() {
        // First the counter, then the queue: what comes in between wakes us again.
        std::uint64_t count = 0;
        [[maybe_unused]] const auto read = ::read(wake_up_, &count, sizeof count);
        std::vector<std::shared_ptr<Tcp::Peer>> peers;
        {
            const std::lock_guard lock(mutex_);
            peers.swap(new_peers_);
        }
        for (const auto& peer : peers)
            begin_to_read(peer);
    }

    void begin_to_read(const std::shared_ptr<Tcp::Peer>& peer) {
        try {
            handleNewPeer(peer);
        } catch (const std::exception&) {
            // The kernel watches no more sockets (epoll_ctl(2), ENOSPC). Pistache knows the peer by
            // then, and would take the next client with this descriptor for it.
            const int socket = peer->fd();
            peers.erase(socket);
            handle_of(*peer).connection->count_as_rejected();
            handler_->onDisconnection(peer);
            ::close(socket);
        }
    }

    const std::shared_ptr<InputHandler> handler_;
    int wake_up_ = -1;
    std::mutex mutex_;
    std::vector<std::shared_ptr<Tcp::Peer>> new_peers_;  ///< guarded by mutex_
};

Transport::Transport(const std::string& thread_name, asio::io_context& loop, const Router& router)
    : reactor_(Pistache::Aio::Reactor::create()) {
    reactor_->init(Pistache::Aio::AsyncContext(1, thread_name));
    const auto key = reactor_->addHandler(
        std::make_shared<PistacheTransport>(std::make_shared<InputHandler>(loop, router)));
    transport_ = std::static_pointer_cast<PistacheTransport>(reactor_->handlers(key).front());
    reactor_->run();
}

Transport::~Transport() {
    reactor_->shutdown();
}

void Transport::add(int socket, std::shared_ptr<Connection> connection) {
    sockaddr_storage storage{};
    auto* address = reinterpret_cast<sockaddr*>(&storage);
    address->sa_family = AF_INET;  // Pistache wants an address; ours is in the connection
    auto peer = Tcp::Peer::Create(socket, Pistache::Address::fromUnix(address));
    peer->putData(connection_key, std::make_shared<Handle>(Handle{std::move(connection)}));
    transport_->add(std::move(peer));  // ours would be the last reference on another thread
}

}  // namespace signalbox::http
