#include "signalbox/http/server/worker.hpp"

#include <asio/post.hpp>
#include <fcntl.h>

#include <future>
#include <utility>

#include "signalbox/http/server/connection.hpp"

namespace signalbox::http {

Worker::Worker(ServerContext& server, const std::string& number)
    : server_(server),
      connections_(server),
      loop_(server.options.name + "-loop-" + number),
      observer_(server.make_observer(loop_)),
      transport_(std::make_unique<Transport>(server.options.name + "-" + number, loop_.context(),
                                             server.router)) {}

Worker::~Worker() {
    stop();
}

void Worker::stop() {
    if (!transport_) return;
    // Only an end of the stream makes Pistache close its descriptors.
    std::promise<void> closed;
    asio::post(loop_.context(), [&] {
        connections_.close_all();
        closed.set_value();
    });
    closed.get_future().wait();
    transport_.reset();
    loop_.stop();
    // The connections were the loop's; once it has ended they are this thread's to destroy.
    connections_.clear();
}

bool Worker::add(int socket, std::string peer_address) {
    const int duplicate = ::fcntl(socket, F_DUPFD_CLOEXEC, 0);
    if (duplicate < 0) return false;
    server_.open_connections.fetch_add(1);
    auto connection = std::make_shared<Connection>(
        server_, connections_, *observer_, loop_.context(), duplicate, std::move(peer_address));
    transport_->add(socket, std::move(connection));
    return true;
}

void Worker::drain() {
    asio::post(loop_.context(), [this] { connections_.drain(); });
}

void Worker::cancel_all(observe::Cancelled reason) {
    asio::post(loop_.context(), [this, reason] { connections_.cancel_all(reason); });
}

void Worker::flush(std::chrono::milliseconds timeout) {
    std::promise<void> flushed;
    const auto done = flushed.get_future();
    asio::post(loop_.context(), [this, flushed = std::move(flushed)]() mutable {
        observer_->flush();
        flushed.set_value();
    });
    done.wait_for(timeout);
}

void Worker::close_all() {
    asio::post(loop_.context(), [this] { connections_.close_all(); });
}

}  // namespace signalbox::http
