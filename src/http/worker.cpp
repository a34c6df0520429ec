#include "http/worker.hpp"

#include <asio/post.hpp>
#include <fcntl.h>
#include <unistd.h>

#include <vector>

namespace signalbox::http {

Worker::Worker(ServerContext& server, const std::string& number)
    : server_(server),
      loop_(server.options.name + "-loop-" + number),
      transport_(std::make_unique<Transport>(server.options.name + "-" + number, loop_.context(),
                                             server.router)) {}

Worker::~Worker() {
    stop();
}

void Worker::stop() {
    transport_.reset();
    loop_.stop();
    // The connections were the loop's; once it has ended they are this thread's to destroy.
    connections_.clear();
}

void Worker::add(int socket, std::string peer_address) {
    const int duplicate = ::fcntl(socket, F_DUPFD_CLOEXEC, 0);
    if (duplicate < 0) {
        // Out of descriptors: this client is not served, the others are.
        ::close(socket);
        return;
    }
    server_.open_connections.fetch_add(1);
    auto connection =
        std::make_shared<Connection>(server_, loop_.context(), duplicate, std::move(peer_address));
    // Posted before Pistache gets the socket, so that the loop knows it before its first request.
    asio::post(loop_.context(), [this, connection] {
        connections_.insert(connection);
        connection->open([this, raw = connection.get()] {
            connections_.erase(raw->shared_from_this());
            server_.connection_closed();
        });
        if (draining_) connection->drain();
    });
    transport_->add(socket, std::move(connection));
}

void Worker::drain() {
    asio::post(loop_.context(), [this] {
        draining_ = true;
        for_each_connection([](Connection& connection) { connection.drain(); });
    });
}

void Worker::cancel_all(observe::Cancelled reason) {
    asio::post(loop_.context(), [this, reason] {
        for_each_connection([reason](Connection& connection) { connection.cancel(reason); });
    });
}

void Worker::close_all() {
    asio::post(loop_.context(),
               [this] { for_each_connection([](Connection& connection) { connection.close(); }); });
}

void Worker::for_each_connection(const std::function<void(Connection&)>& visit) {
    // A copy, because a connection that closes takes itself out of the set.
    const std::vector<std::shared_ptr<Connection>> all(connections_.begin(), connections_.end());
    for (const auto& connection : all)
        visit(*connection);
}

}  // namespace signalbox::http
