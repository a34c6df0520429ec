#pragma once

#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <stdexcept>
#include <string>

namespace signalbox::test {

/// What connects to it as to a PostgreSQL gets no answer, ever.
class SilentServer {
  public:
    SilentServer() {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof address;
        auto* generic = reinterpret_cast<sockaddr*>(&address);
        if (listener_ < 0 || ::bind(listener_, generic, size) != 0 ||
            ::getsockname(listener_, generic, &size) != 0 || ::listen(listener_, 64) != 0)
            throw std::runtime_error("cannot listen");
        port_ = ntohs(address.sin_port);
    }
    ~SilentServer() { ::close(listener_); }
    SilentServer(const SilentServer&) = delete;
    SilentServer& operator=(const SilentServer&) = delete;

    std::string url(const std::string& parameters) const {
        return "postgresql://u:s3cret@127.0.0.1:" + std::to_string(port_) + "/d?" + parameters;
    }
    /// Whether somebody has connected, and waits.
    bool is_asked() const {
        pollfd asked{.fd = listener_, .events = POLLIN, .revents = 0};
        return ::poll(&asked, 1, 20000) == 1;
    }

  private:
    int listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int port_ = 0;
};

}  // namespace signalbox::test
