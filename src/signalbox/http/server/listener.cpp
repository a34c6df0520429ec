#include "signalbox/http/server/listener.hpp"

#include <arpa/inet.h>
#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <fcntl.h>
#include <fmt/format.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstddef>
#include <stdexcept>
#include <system_error>
#include <utility>

#include "signalbox/process/descriptor.hpp"

namespace signalbox::http {

namespace {

using process::Descriptor;

/// Of a response that its client does not take, no more than this waits in the kernel, which would
/// let it be megabytes for each client. The rest waits with us, where it is counted and bounded.
constexpr int most_unsent_in_kernel = 128 * 1024;

constexpr mode_t for_everybody = 0666;

void check(int result) {
    if (result < 0) throw std::system_error(errno, std::generic_category());
}

int option(int socket, int name) {
    int value = 0;
    socklen_t size = sizeof value;
    return ::getsockopt(socket, SOL_SOCKET, name, &value, &size) == 0 ? value : -1;
}

/// Accepted sockets inherit these.
void set_options(int socket) {
    const auto set = [socket](int level, int name, const int& value) {
        ::setsockopt(socket, level, name, &value, sizeof value);
    };
    if (option(socket, SO_DOMAIN) != AF_UNIX) {
        set(IPPROTO_TCP, TCP_NODELAY, 1);
        set(IPPROTO_TCP, TCP_NOTSENT_LOWAT, most_unsent_in_kernel);
    }
    set(SOL_SOCKET, SO_RCVBUF, Listener::receive_buffer);
}

sockaddr_storage local_address(int socket) {
    sockaddr_storage address{};
    socklen_t size = sizeof address;
    check(::getsockname(socket, reinterpret_cast<sockaddr*>(&address), &size));
    return address;
}

sockaddr_un unix_address(const std::filesystem::path& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    const std::string& name = path.native();
    if (name.size() >= sizeof address.sun_path) {
        throw std::runtime_error(fmt::format("cannot listen on {}: a path of more than {} bytes",
                                             name, sizeof address.sun_path - 1));
    }
    std::copy(name.begin(), name.end(), address.sun_path);
    return address;
}

/// One process at a time looks what a path leads to and replaces it. The lock is of the folder and
/// leaves nothing behind.
Descriptor lock_folder_of(const std::filesystem::path& path) {
    const auto folder = path.has_parent_path() ? path.parent_path() : std::filesystem::path(".");
    Descriptor locked(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    check(locked.get());
    check(::flock(locked.get(), LOCK_EX));
    return locked;
}

/// Whether somebody listens there. Nobody does when the kernel says so; whatever else it says is no
/// reason to take a path away from a process.
bool is_served(const sockaddr_un& address) {
    const Descriptor socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    check(socket.get());
    return ::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) ==
               0 ||
           errno != ECONNREFUSED;
}

/// Removes what a process that has ended left. Returns the mode that the path is to have.
mode_t make_room(const std::filesystem::path& path, const sockaddr_un& address) {
    struct stat found {};
    if (::lstat(path.c_str(), &found) != 0) {
        if (errno == ENOENT) return for_everybody;
        check(-1);
    }
    if (!S_ISSOCK(found.st_mode)) {
        throw std::runtime_error(
            fmt::format("cannot listen on {}: there is a file that is no socket", path.native()));
    }
    if (is_served(address)) {
        throw std::runtime_error(
            fmt::format("cannot listen on {}: another process listens there", path.native()));
    }
    check(::unlink(path.c_str()));
    return found.st_mode & 07777U;
}

std::optional<FileIdentity> identity_of(const std::filesystem::path& path) {
    struct stat found {};
    if (::lstat(path.c_str(), &found) != 0) return std::nullopt;
    return FileIdentity{found.st_dev, found.st_ino};
}

template <class Number>
bool parse_number(std::string_view text, Number& number) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    return error == std::errc() && end == text.data() + text.size();
}

}  // namespace

std::string FileIdentity::text() const {
    return fmt::format("{}:{}", device, inode);
}

std::optional<FileIdentity> FileIdentity::parse(std::string_view text) {
    const auto colon = text.find(':');
    FileIdentity identity{};
    if (colon == std::string_view::npos || !parse_number(text.substr(0, colon), identity.device) ||
        !parse_number(text.substr(colon + 1), identity.inode)) {
        return std::nullopt;
    }
    return identity;
}

Listener Listener::tcp(const std::string& host, std::uint16_t port, const std::string& name) {
    using asio::ip::tcp;
    try {
        asio::io_context unused;
        tcp::resolver resolver(unused);
        const auto found = resolver.resolve(host, std::to_string(port), tcp::resolver::passive);
        const tcp::endpoint endpoint = found.begin()->endpoint();
        Descriptor socket(
            ::socket(endpoint.protocol().family(), SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
        check(socket.get());
        const int on = 1;
        check(::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on));
        if (endpoint.protocol() == tcp::v6()) {
            // Whatever /proc/sys/net/ipv6/bindv6only says.
            const int only = endpoint.address().is_unspecified() ? 0 : 1;
            check(::setsockopt(socket.get(), IPPROTO_IPV6, IPV6_V6ONLY, &only, sizeof only));
        }
        set_options(socket.get());
        check(::bind(socket.get(), endpoint.data(), static_cast<socklen_t>(endpoint.size())));
        check(::listen(socket.get(), SOMAXCONN));
        return {socket.release(), name.empty() ? host : name};
    } catch (const std::system_error& error) {
        throw std::system_error(error.code(),
                                "cannot listen on " + host + ":" + std::to_string(port));
    }
}

Listener Listener::unix_socket(const std::filesystem::path& path) {
    try {
        const sockaddr_un address = unix_address(path);
        const Descriptor lock = lock_folder_of(path);
        const mode_t mode = make_room(path, address);
        Descriptor socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
        check(socket.get());
        set_options(socket.get());
        check(::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address));
        Listener listener(socket.release(), {});
        listener.owned_path_ = identity_of(path);
        listener.owned_at_ = path;
        // Nobody can connect before it listens.
        check(::chmod(path.c_str(), mode));
        check(::listen(listener.descriptor(), SOMAXCONN));
        return listener;
    } catch (const std::system_error& error) {
        throw std::system_error(error.code(), "cannot listen on " + path.native());
    }
}

std::optional<Invalid> Listener::refusal(int descriptor) {
    struct stat found {};
    if (::fstat(descriptor, &found) != 0) return Invalid{"is not open"};
    if (!S_ISSOCK(found.st_mode)) return Invalid{"is no socket"};
    const int domain = option(descriptor, SO_DOMAIN);
    if (domain != AF_INET && domain != AF_INET6 && domain != AF_UNIX) {
        return Invalid{"is neither a TCP nor a Unix socket"};
    }
    if (option(descriptor, SO_TYPE) != SOCK_STREAM) return Invalid{"is no stream socket"};
    if (option(descriptor, SO_ACCEPTCONN) != 1) return Invalid{"is a socket that does not listen"};
    return std::nullopt;
}

Listener Listener::inherited(int descriptor) {
    if (const auto why = refusal(descriptor)) {
        throw std::runtime_error(
            fmt::format("cannot listen on descriptor {}: it {}", descriptor, why->reason));
    }
    Listener listener(descriptor, {});
    const int flags = ::fcntl(descriptor, F_GETFL);
    check(flags);
    check(::fcntl(descriptor, F_SETFL, flags | O_NONBLOCK));
    check(::fcntl(descriptor, F_SETFD, FD_CLOEXEC));
    set_options(descriptor);
    return listener;
}

Listener::Listener(int descriptor, std::string host) noexcept
    : descriptor_(descriptor), host_(std::move(host)) {}

Listener::Listener(Listener&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)),
      host_(std::move(other.host_)),
      owned_path_(std::exchange(other.owned_path_, std::nullopt)),
      owned_at_(std::move(other.owned_at_)) {}

Listener::~Listener() {
    remove_path();
    close();
}

std::uint16_t Listener::port() const {
    const sockaddr_storage address = local_address(descriptor_);
    switch (address.ss_family) {
        case AF_INET:
            return ntohs(reinterpret_cast<const sockaddr_in&>(address).sin_port);
        case AF_INET6:
            return ntohs(reinterpret_cast<const sockaddr_in6&>(address).sin6_port);
        default:
            return 0;
    }
}

std::filesystem::path Listener::path() const {
    const sockaddr_storage address = local_address(descriptor_);
    const auto& local = reinterpret_cast<const sockaddr_un&>(address);
    // In the abstract namespace, which begins with a NUL byte, there is no file.
    return {std::begin(local.sun_path),
            std::find(std::begin(local.sun_path), std::end(local.sun_path), '\0')};
}

std::string Listener::url() const {
    const sockaddr_storage address = local_address(descriptor_);
    if (address.ss_family == AF_UNIX) return "unix:" + path().native();
    std::string host = host_;
    if (host.empty()) {
        char text[INET6_ADDRSTRLEN] = "";
        const bool v6 = address.ss_family == AF_INET6;
        ::inet_ntop(
            address.ss_family,
            v6 ? static_cast<const void*>(&reinterpret_cast<const sockaddr_in6&>(address).sin6_addr)
               : &reinterpret_cast<const sockaddr_in&>(address).sin_addr,
            text, sizeof text);
        host = text;
    }
    const bool v6 = host.find(':') != std::string::npos;
    return fmt::format("http://{}{}{}:{}", v6 ? "[" : "", host, v6 ? "]" : "", port());
}

void Listener::own_path(FileIdentity identity) {
    owned_at_ = path();
    if (!owned_at_.empty()) owned_path_ = identity;
}

void Listener::remove_path() noexcept {
    const auto owned = std::exchange(owned_path_, std::nullopt);
    // Somebody may have put another file there meanwhile.
    if (owned && identity_of(owned_at_) == owned) ::unlink(owned_at_.c_str());
}

void Listener::close() noexcept {
    if (descriptor_ >= 0) ::close(std::exchange(descriptor_, -1));
}

}  // namespace signalbox::http
