#include "http/transport.hpp"

#include <asio/post.hpp>
#include <pistache/peer.h>
#include <pistache/reactor.h>
#include <pistache/tcp.h>
#include <pistache/transport.h>

#include <utility>
#include <vector>

#include "http/connection.hpp"

namespace signalbox::http {

namespace {

namespace Tcp = Pistache::Tcp;

const std::string connection_key = "c";

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
        const auto connection = std::static_pointer_cast<Connection>(peer->getData(connection_key));
        if (!connection->wants_input()) return;
        connection->decoder().feed({buffer, length}, [&](Decoded decoded) {
            std::visit([&](auto& what) { emit(connection, std::move(what)); }, decoded);
        });
        const auto phase = connection->decoder().phase();
        if (connection->partial_phase_changes_to(phase)) emit(connection, PartialMessage{phase});
    }

    void onConnection(const std::shared_ptr<Tcp::Peer>&) override {}

    void onDisconnection(const std::shared_ptr<Tcp::Peer>& peer) override {
        emit(std::static_pointer_cast<Connection>(peer->getData(connection_key)), EndOfInput{});
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
        router_.route(*request);
        connection->complete_request(*request);
        batch_.push_back({connection, std::move(request)});
    }

    template <class What>
    void emit(const std::shared_ptr<Connection>& connection, What what) {
        batch_.push_back({connection, what});
    }

    asio::io_context& loop_;
    const Router& router_;
    std::vector<InputEvent> batch_;
};

}  // namespace

/// Pistache clones its transport for each thread of the reactor; we give each its own reactor, so
/// that a connection's reading thread and event loop are a pair for life.
class Transport::PistacheTransport final : public Tcp::Transport {
  public:
    explicit PistacheTransport(std::shared_ptr<InputHandler> handler)
        : Tcp::Transport(handler), handler_(std::move(handler)) {}

    void onReady(const Pistache::Aio::FdSet& ready) override {
        Tcp::Transport::onReady(ready);
        handler_->flush();
    }

    std::shared_ptr<Pistache::Aio::Handler> clone() const override {
        return std::make_shared<PistacheTransport>(
            std::static_pointer_cast<InputHandler>(handler_->clone()));
    }

  private:
    std::shared_ptr<InputHandler> handler_;
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
    const auto peer = Tcp::Peer::Create(socket, Pistache::Address::fromUnix(address));
    peer->putData(connection_key, std::move(connection));
    transport_->handleNewPeer(peer);
}

}  // namespace signalbox::http
