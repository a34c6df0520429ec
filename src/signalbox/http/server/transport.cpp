#include "signalbox/http/server/transport.hpp"

#include <asio/error.hpp>
#include <asio/post.hpp>
#include <fcntl.h>
#include <pistache/os.h>
#include <pistache/reactor.h>
#include <pistache/tcp.h>
#include <pistache/transport.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <system_error>
#include <type_traits>
#include <utility>

#include "signalbox/async/memory_reserve.hpp"
#include "signalbox/http/server/socket_calls.hpp"

namespace signalbox::http {

namespace {

namespace Tcp = Pistache::Tcp;
namespace Polling = Pistache::Polling;
using Polling::NotifyOn;

/// Pistache wants one for what its transport reads by itself, which this one never does.
class NoHandler final : public Tcp::Handler {
  public:
    PROTOTYPE_OF(Tcp::Handler, NoHandler)
    NoHandler() = default;
    NoHandler(const NoHandler& other) = default;
    void onInput(const char*, size_t, const std::shared_ptr<Tcp::Peer>&) override {}
};

/// An epoll instance, whose only member is its descriptor; nothing of Pistache gives it away.
int descriptor_of(const Polling::Epoll& poller) {
    static_assert(std::is_standard_layout_v<Polling::Epoll> &&
                  sizeof(Polling::Epoll) == sizeof(int));
    return *reinterpret_cast<const int*>(&poller);
}

/// A pointer, because a descriptor may already be the next client's when a stale event comes. The
/// tags of Pistache's own descriptors are their numbers, which are no pointers.
Polling::Tag tag_of(SocketOwner& owner) {
    return Polling::Tag(reinterpret_cast<std::uintptr_t>(&owner));
}

NotifyOn both(NotifyOn one, NotifyOn other) {
    return static_cast<NotifyOn>(static_cast<int>(one) | static_cast<int>(other));
}

}  // namespace

/// Reads once at a time and tells apart all that epoll tells: the base class would read to the end,
/// and knows no end of stream that comes while nobody reads.
///
/// Its queues for other threads are not registered: this one is used on its loop's thread only.
class Transport::PistacheTransport final : public Tcp::Transport {
  public:
    PistacheTransport() : Tcp::Transport(std::make_shared<NoHandler>()) {
        events_.reserve(
            Pistache::Const::MaxEvents);  // what is told is told once, so none may be lost
    }

    void registerPoller(Polling::Epoll& poller) override { poller_ = &poller; }

    std::shared_ptr<Pistache::Aio::Handler> clone() const override {
        return std::make_shared<PistacheTransport>();
    }

    void watch(int socket, SocketOwner& owner) {
        reactor()->registerFd(key(), socket, both(NotifyOn::Read, NotifyOn::Shutdown),
                              tag_of(owner), Polling::Mode::Edge);
    }

    void watch_writing(int socket, SocketOwner& owner) {
        reactor()->modifyFd(key(), socket,
                            both(both(NotifyOn::Read, NotifyOn::Shutdown), NotifyOn::Write),
                            tag_of(owner), Polling::Mode::Edge);
    }

    const std::vector<Polling::Event>& poll() {
        events_.clear();
        poller_->poll(events_, std::chrono::milliseconds(0));
        return events_;
    }

    ssize_t read(int socket, char* buffer, std::size_t size) {
        return receive(socket, buffer, size, MSG_DONTWAIT);
    }

    int epoll() const { return descriptor_of(*poller_); }

  private:
    Polling::Epoll* poller_ = nullptr;  ///< the reactor's
    std::vector<Polling::Event> events_;
};

Transport::Transport(asio::io_context& loop)
    : loop_(loop),
      reactor_(Pistache::Aio::Reactor::create()),
      pistache_(std::make_shared<PistacheTransport>()),
      readable_(loop),
      buffer_(std::make_unique<char[]>(read_size)) {
    reactor_->init();  // in its synchronous form: it has no thread, the loop polls for it
    reactor_->addHandler(pistache_);
    ::fcntl(pistache_->epoll(), F_SETFD, FD_CLOEXEC);
    const int duplicate = ::fcntl(pistache_->epoll(), F_DUPFD_CLOEXEC, 0);
    if (duplicate < 0) throw std::system_error(errno, std::generic_category(), "fcntl(epoll)");
    readable_.assign(duplicate);
}

Transport::~Transport() {
    // Pistache never closes the eventfd that its shutdown() writes to. The event that comes of it
    // has that descriptor's number for a tag.
    reactor_->shutdown();
    for (const Polling::Event& event : pistache_->poll()) {
        const std::uint64_t tag = event.tag.value();
        if (tag < std::uint64_t{1} << 31U) ::close(static_cast<int>(tag));
    }
}

void Transport::start() {
    asio::post(loop_, [this] { wait(); });
}

void Transport::watch(int socket, SocketOwner& owner) {
    pistache_->watch(socket, owner);
}

void Transport::watch_writing(int socket, SocketOwner& owner) {
    pistache_->watch_writing(socket, owner);
}

void Transport::call_again(SocketOwner& owner) {
    const bool first = again_.empty();
    if (first) asio::post(loop_, [this] { call_those_again(); });
    again_.push_back(&owner);
}

void Transport::do_not_call(const SocketOwner& owner) {
    for (auto* list : {&again_, &calling_}) {
        const auto found = std::find(list->begin(), list->end(), &owner);
        if (found != list->end()) *found = nullptr;
    }
}

Transport::Read Transport::read(int socket) {
    const ssize_t count = pistache_->read(socket, buffer_.get(), read_size);
    if (count > 0) {
        return {Read::Status::data, {buffer_.get(), static_cast<std::size_t>(count)}};
    }
    if (count == 0) return {Read::Status::end_of_stream};
    if (errno == EAGAIN || errno == EWOULDBLOCK) return {Read::Status::nothing_yet};
    if (no_memory(errno))
        throw std::system_error(errno, std::generic_category(), "receiving a request");
    return {Read::Status::broken};
}

void Transport::wait() {
    const async::MemoryReserve::Use use;
    readable_.async_wait(asio::posix::descriptor_base::wait_read,
                         async::with_memory(wait_memory_, [this](const std::error_code& error) {
                             if (error == asio::error::operation_aborted) return;
                             if (error) throw std::system_error(error, "the sockets' epoll");
                             turn();
                             wait();
                         }));
}

void Transport::turn() {
    const auto& events = pistache_->poll();
    begin_turn();
    for (const Polling::Event& event : events) {
        // NOLINTNEXTLINE(performance-no-int-to-ptr): the kernel keeps it as a number
        auto& owner = *reinterpret_cast<SocketOwner*>(event.tag.value());
        const Readiness ready{.readable = event.flags.hasFlag(NotifyOn::Read),
                              .writable = event.flags.hasFlag(NotifyOn::Write),
                              .end_of_stream = event.flags.hasFlag(NotifyOn::Shutdown),
                              .hung_up = event.flags.hasFlag(NotifyOn::Hangup)};
        guarded(owner, [&] { owner.on_ready(ready); });
    }
}

void Transport::call_those_again() {
    begin_turn();
    calling_.swap(again_);  // who wants to be called once more then has to wait for the next turn
    // NOLINTNEXTLINE(modernize-loop-convert): each is taken out, as one that goes may be behind it
    for (std::size_t i = 0; i < calling_.size(); ++i) {
        SocketOwner* const owner = std::exchange(calling_[i], nullptr);
        if (owner != nullptr) guarded(*owner, [owner] { owner->on_call_again(); });
    }
    calling_.clear();
}

template <class Call>
void Transport::guarded(SocketOwner& owner, Call call) {
    try {
        call();
    } catch (...) {
        owner.on_failure(std::current_exception());
    }
}

}  // namespace signalbox::http
