#include "signalbox/client/detail/transfers.hpp"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <exception>
#include <new>
#include <stdexcept>
#include <utility>

namespace signalbox::client {

namespace {

/// So many names are left in libcurl's list when nothing uses them.
constexpr std::size_t most_idle_names = 256;

std::string name_of(const Url& url) {
    return url.host + ":" + url.port;
}

template <class Value>
void set(CURLM* multi, CURLMoption option, Value value) {
    if (::curl_multi_setopt(multi, option, value) != CURLM_OK)
        throw std::runtime_error("libcurl does not take an option");
}

}  // namespace

/// A socket of libcurl's that asio watches.
struct Transfers::Socket {
    Socket(asio::io_context& loop, curl_socket_t native) : descriptor(loop, native) {}

    bool wants(int direction) const noexcept { return open && (wanted & direction) != 0; }

    asio::posix::basic_stream_descriptor<asio::io_context::executor_type> descriptor;
    int wanted = 0;  ///< CURL_POLL_IN, CURL_POLL_OUT or both
    bool open = true;
    bool waits_to_read = false;
    bool waits_to_write = false;
};

Transfers::Transfers(asio::io_context& loop, const HttpClientOptions& options)
    : loop_(loop), timer_(std::in_place, loop), multi_(::curl_multi_init()) {
    if (!multi_) throw std::bad_alloc();
    set(multi_.get(), CURLMOPT_SOCKETFUNCTION, &Transfers::on_socket);
    set(multi_.get(), CURLMOPT_SOCKETDATA, static_cast<void*>(this));
    set(multi_.get(), CURLMOPT_TIMERFUNCTION, &Transfers::on_timer);
    set(multi_.get(), CURLMOPT_TIMERDATA, static_cast<void*>(this));
    set(multi_.get(), CURLMOPT_MAXCONNECTS, static_cast<long>(options.idle_connections));
    set(multi_.get(), CURLMOPT_MAX_HOST_CONNECTIONS,
        static_cast<long>(options.connections_per_host));
}

Transfers::~Transfers() {
    close(true);
}

// NOLINTNEXTLINE(performance-unnecessary-value-param): the coroutine keeps it
async::Task<> Transfers::run(std::shared_ptr<Transfer> transfer,
                             std::vector<std::string> addresses) {
    const auto self = shared_from_this();
    auto begin = [self, transfer,
                  addresses = std::move(addresses)](const std::shared_ptr<SuspendedCall>& waiter) {
        transfer->waiter = waiter;
        self->start(transfer, addresses);
    };
    // Weak, because what the coroutine is cancelled by keeps this, and may outlive the loop.
    auto leave = [weak_self = weak_from_this(), weak_transfer = std::weak_ptr<Transfer>(transfer)](
                     const std::shared_ptr<SuspendedCall>&) {
        const auto transfers = weak_self.lock();
        const auto left = weak_transfer.lock();
        if (!transfers || !left) return;
        left->waiter.reset();
        if (transfers->running_.contains(left)) transfers->remove(*left);
    };
    return suspend(std::move(begin), std::move(leave));
}

void Transfers::start(const std::shared_ptr<Transfer>& transfer,
                      const std::vector<std::string>& addresses) {
    if (closed_) std::rethrow_exception(cancelled());
    CURL* const easy = transfer->easy();
    ::curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, &Transfers::open_socket);
    ::curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, static_cast<void*>(this));
    ::curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, &Transfers::close_socket);
    ::curl_easy_setopt(easy, CURLOPT_CLOSESOCKETDATA, static_cast<void*>(this));
    transfer->resolve(names_for(transfer->url(), addresses));
    running_.insert(transfer);
    if (!addresses.empty()) ++names_[name_of(transfer->url())];
    if (::curl_multi_add_handle(multi_.get(), easy) != CURLM_OK) {
        release_name(transfer->url());
        running_.erase(transfer);
        throw std::bad_alloc();
    }
}

void Transfers::remove(Transfer& transfer) {
    ::curl_multi_remove_handle(multi_.get(), transfer.easy());
    release_name(transfer.url());
    const auto found = std::find_if(running_.begin(), running_.end(),
                                    [&](const auto& each) { return each.get() == &transfer; });
    running_.erase(found);
}

/// libcurl is told the addresses, since it would block to find them (its list has each until it is
/// told another, or that it is to forget it).
std::vector<std::string> Transfers::names_for(const Url& url,
                                              const std::vector<std::string>& addresses) {
    std::vector<std::string> entries;
    const std::string name = name_of(url);
    for (const std::string& outdated : std::exchange(outdated_names_, {})) {
        if (outdated != name && !names_.contains(outdated)) entries.push_back("-" + outdated);
    }
    if (addresses.empty()) return entries;
    std::string entry = name;
    for (std::size_t i = 0; i < addresses.size(); ++i) {
        entry.push_back(i == 0 ? ':' : ',');
        const bool is_ipv6 = addresses[i].find(':') != std::string::npos;
        entry.append(is_ipv6 ? "[" + addresses[i] + "]" : addresses[i]);
    }
    entries.push_back(std::move(entry));
    return entries;
}

void Transfers::release_name(const Url& url) {
    const auto found = names_.find(name_of(url));
    if (found == names_.end() || --found->second > 0 || names_.size() <= most_idle_names) return;
    outdated_names_.push_back(found->first);
    names_.erase(found);
}

void Transfers::close(bool loop_ends) {
    if (std::exchange(closed_, true)) return;
    std::vector<std::shared_ptr<SuspendedCall>> waiters;
    while (!running_.empty()) {
        const auto transfer = *running_.begin();
        remove(*transfer);
        waiters.push_back(std::move(transfer->waiter));
    }
    multi_.reset();
    timer_.reset();
    if (loop_ends) return;  // and so do they
    for (const auto& waiter : waiters)
        waiter->complete_later(cancelled());
}

void Transfers::act(curl_socket_t socket, int ready) {
    int running = 0;
    ::curl_multi_socket_action(multi_.get(), socket, ready, &running);
    end_those_done();
}

void Transfers::end_those_done() {
    int left = 0;
    while (const CURLMsg* const message = ::curl_multi_info_read(multi_.get(), &left)) {
        if (message->msg != CURLMSG_DONE) continue;
        const CURLcode result = message->data.result;
        Transfer* transfer = nullptr;
        ::curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &transfer);
        const auto waiter = std::move(transfer->waiter);
        std::exception_ptr error;
        try {
            transfer->end(result);
        } catch (const std::bad_alloc&) {
            error = std::current_exception();
        }
        remove(*transfer);
        if (waiter) waiter->complete_later(error);
    }
}

void Transfers::watch(const std::shared_ptr<Socket>& socket) {
    const auto wait = [&](auto direction, int poll, int select, bool Socket::*waits) {
        if (!socket->wants(poll) || (*socket).*waits) return;
        (*socket).*waits = true;
        socket->descriptor.async_wait(direction, [weak = weak_from_this(), socket, poll, select,
                                                  waits](const std::error_code& error) {
            (*socket).*waits = false;
            const auto self = weak.lock();
            if (!self || self->closed_ || !socket->wants(poll)) return;
            self->act(socket->descriptor.native_handle(), error ? CURL_CSELECT_ERR : select);
            if (!self->closed_ && socket->open) self->watch(socket);
        });
    };
    using Descriptor = asio::posix::descriptor_base;
    wait(Descriptor::wait_read, CURL_POLL_IN, CURL_CSELECT_IN, &Socket::waits_to_read);
    wait(Descriptor::wait_write, CURL_POLL_OUT, CURL_CSELECT_OUT, &Socket::waits_to_write);
}

void Transfers::set_timer(long milliseconds) {
    if (milliseconds < 0) {
        timer_->cancel();
        return;
    }
    timer_->expires_after(std::chrono::milliseconds(milliseconds));
    timer_->async_wait([weak = weak_from_this()](const std::error_code& error) {
        const auto self = weak.lock();
        if (error || !self || self->closed_) return;
        self->act(CURL_SOCKET_TIMEOUT, 0);
    });
}

int Transfers::on_socket(CURL*, curl_socket_t native, int wanted, void* self, void*) {
    auto& transfers = *static_cast<Transfers*>(self);
    const auto found = transfers.sockets_.find(native);
    if (found == transfers.sockets_.end()) return 0;  // of none that it has opened
    const auto socket = found->second;
    socket->wanted = wanted == CURL_POLL_REMOVE ? 0 : wanted;
    // An error told to libcurl would be the end of all transfers; so it is of this one, in time.
    try {
        transfers.watch(socket);
    } catch (const std::bad_alloc&) {
        socket->wanted = 0;
    }
    return 0;
}

int Transfers::on_timer(CURLM*, long milliseconds, void* self) {
    try {
        static_cast<Transfers*>(self)->set_timer(milliseconds);
        return 0;
    } catch (const std::exception&) {
        return -1;  // without a timer nothing would end
    }
}

curl_socket_t Transfers::open_socket(void* self, curlsocktype, curl_sockaddr* address) {
    auto& transfers = *static_cast<Transfers*>(self);
    const int native = ::socket(address->family, address->socktype | SOCK_CLOEXEC | SOCK_NONBLOCK,
                                address->protocol);
    if (native < 0) return CURL_SOCKET_BAD;
    std::shared_ptr<Socket> socket;
    try {
        socket = std::make_shared<Socket>(transfers.loop_, native);
    } catch (const std::exception&) {
        ::close(native);
        return CURL_SOCKET_BAD;
    }
    try {
        transfers.sockets_.emplace(native, std::move(socket));
    } catch (const std::exception&) {
        return CURL_SOCKET_BAD;  // asio has closed it
    }
    return native;
}

/// asio lets go of the descriptor before it is closed: the number may be another's a moment later.
int Transfers::close_socket(void* self, curl_socket_t native) {
    auto& transfers = *static_cast<Transfers*>(self);
    const auto found = transfers.sockets_.find(native);
    if (found != transfers.sockets_.end()) {
        found->second->open = false;
        found->second->descriptor.release();
        transfers.sockets_.erase(found);
    }
    return ::close(native);
}

}  // namespace signalbox::client
