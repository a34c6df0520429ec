#pragma once

#include <asio/execution_context.hpp>
#include <asio/io_context.hpp>

#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "signalbox/client/detail/resolver.hpp"
#include "signalbox/client/detail/transfers.hpp"
#include "signalbox/client/http_client.hpp"

namespace signalbox::client {

class LoopTransfers;

/// What a client's calls on all loops need, and where it and the loops find each other: either may
/// be destroyed first.
class Clients {
  public:
    Clients(const HttpClientOptions& options, Resolver::LookUp look_up)
        : resolver(std::move(look_up), options.name_threads, options.name_lifetime),
          options_(options) {}

    const HttpClientOptions& options() const noexcept { return options_; }

    /// Cancels what is in flight on all loops. Any thread.
    static void close(const std::shared_ptr<Clients>& clients);

    Resolver resolver;

  private:
    friend class LoopTransfers;

    const HttpClientOptions options_;
    std::mutex mutex_;
    /// Guarded by mutex_.
    bool closed_ = false;
    std::vector<LoopTransfers*> loops_;
};

/// Owned by an io_context, the Transfers of all clients on it: they have to be gone before it is,
/// since it watches their sockets.
///
/// Threads: the loop's; shutdown() is of whoever destroys the loop.
class LoopTransfers final : public asio::execution_context::service {
  public:
    using key_type = LoopTransfers;
    static asio::execution_context::id id;

    explicit LoopTransfers(asio::execution_context& loop)
        : service(loop), loop_(static_cast<asio::io_context&>(loop)) {}

    /// Of this client on this loop; made when it is not there.
    static std::shared_ptr<Transfers> of(asio::io_context& loop,
                                         const std::shared_ptr<Clients>& clients);

  private:
    friend class Clients;

    void shutdown() override;
    void forget(const Clients* clients);

    struct Entry {
        std::shared_ptr<Clients> clients;
        std::shared_ptr<Transfers> transfers;
    };

    asio::io_context& loop_;
    std::map<const Clients*, Entry> entries_;
};

}  // namespace signalbox::client
