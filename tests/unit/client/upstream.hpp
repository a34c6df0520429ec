#pragma once

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <functional>
#include <list>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "support/eventually.hpp"
#include "support/loopback_listener.hpp"

namespace signalbox::test {

/// What is called by the client under test: a server that answers with the bytes it is told, be
/// they HTTP or not, on a thread for each connection.
class Upstream {
  public:
    struct Answer {
        std::string bytes{};
        enum class Then { keep, close, half_close, reset } then = Then::keep;
    };
    /// Of a request, head and body as sent, and the number of it. Nothing: it never answers.
    using Handler = std::function<std::optional<Answer>(const std::string&, std::size_t)>;

    explicit Upstream(Handler handler) : handler_(std::move(handler)) {
        acceptor_ = std::thread([this] { accept(); });
    }
    ~Upstream() {
        ::shutdown(listener_.socket(), SHUT_RDWR);
        acceptor_.join();
        {
            const std::lock_guard lock(mutex_);
            for (const auto& connection : connections_)
                ::shutdown(connection.socket, SHUT_RDWR);
        }
        for (auto& connection : connections_) {
            connection.thread.join();
            ::close(connection.socket);
        }
    }
    Upstream(const Upstream&) = delete;
    Upstream& operator=(const Upstream&) = delete;

    static std::string ok(std::string_view body, std::string_view headers = {}) {
        return std::string("HTTP/1.1 200 OK\r\nContent-Length: ")
            .append(std::to_string(body.size()))
            .append("\r\n")
            .append(headers)
            .append("\r\n")
            .append(body);
    }

    int port() const noexcept { return listener_.port(); }
    std::string url(std::string_view path = "/", std::string_view host = "127.0.0.1") const {
        return std::string("http://")
            .append(host)
            .append(":")
            .append(std::to_string(port()))
            .append(path);
    }
    std::vector<std::string> requests() const {
        const std::lock_guard lock(mutex_);
        return requests_;
    }
    std::size_t connections() const {
        const std::lock_guard lock(mutex_);
        return connections_.size();
    }
    bool gets(std::size_t count) const {
        return eventually([&] { return requests().size() >= count; });
    }
    /// Whether all who have connected left again.
    bool is_left() const {
        return eventually([&] {
            const std::lock_guard lock(mutex_);
            return std::all_of(connections_.begin(), connections_.end(),
                               [](const auto& each) { return each.ended; });
        });
    }

  private:
    struct Connection {
        int socket;
        bool ended = false;
        std::thread thread{};
    };

    void accept() {
        while (true) {
            const int socket = ::accept4(listener_.socket(), nullptr, nullptr, SOCK_CLOEXEC);
            if (socket < 0) return;
            const std::lock_guard lock(mutex_);
            auto& connection = connections_.emplace_back(Connection{.socket = socket});
            connection.thread = std::thread([this, &connection] {
                serve(connection.socket);
                const std::lock_guard ended(mutex_);
                connection.ended = true;
            });
        }
    }

    void serve(int socket) {
        std::string bytes;
        while (const auto request = read(socket, bytes)) {
            std::size_t number = 0;
            {
                const std::lock_guard lock(mutex_);
                requests_.push_back(*request);
                number = requests_.size();
            }
            const auto answer = handler_(*request, number);
            if (!answer) continue;
            for (std::string_view rest = answer->bytes; !rest.empty();) {
                const auto sent = ::send(socket, rest.data(), rest.size(), MSG_NOSIGNAL);
                if (sent <= 0) return;
                rest.remove_prefix(static_cast<std::size_t>(sent));
            }
            if (answer->then == Answer::Then::reset) {
                const linger at_once{.l_onoff = 1, .l_linger = 0};
                ::setsockopt(socket, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
            }
            if (answer->then == Answer::Then::close || answer->then == Answer::Then::reset) {
                ::shutdown(socket, SHUT_RDWR);
                return;
            }
            if (answer->then == Answer::Then::half_close) ::shutdown(socket, SHUT_WR);
        }
    }

    /// One request; nothing when the client has left.
    static std::optional<std::string> read(int socket, std::string& bytes) {
        while (true) {
            const auto end = bytes.find("\r\n\r\n");
            if (end != std::string::npos) {
                std::size_t size = end + 4;
                const auto length = bytes.find("Content-Length: ");
                if (length < end) size += std::stoul(bytes.substr(length + 16, end - length));
                if (bytes.size() >= size) {
                    auto request = bytes.substr(0, size);
                    bytes.erase(0, size);
                    return request;
                }
            }
            char part[16384];
            const auto read = ::recv(socket, part, sizeof part, 0);
            if (read <= 0) return std::nullopt;
            bytes.append(part, static_cast<std::size_t>(read));
        }
    }

    const Handler handler_;
    LoopbackListener listener_{512};
    std::thread acceptor_;
    mutable std::mutex mutex_;
    std::list<Connection> connections_;  ///< guarded by mutex_
    std::vector<std::string> requests_;  ///< guarded by mutex_
};

}  // namespace signalbox::test
