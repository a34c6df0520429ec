#include "signalbox/process/service_manager.hpp"

#include <pthread.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <condition_variable>
#include <cstddef>
#include <cstdlib>
#include <ctime>
#include <mutex>
#include <stop_token>
#include <system_error>
#include <utility>

namespace signalbox::process {

namespace {

const char* notify_socket() {
    const char* const variable = std::getenv("NOTIFY_SOCKET");
    return variable != nullptr && *variable != '\0' ? variable : nullptr;
}

}  // namespace

void notify_service_manager(std::string_view state) {
    const char* const variable = notify_socket();
    if (variable == nullptr) return;
    const std::string_view path = variable;

    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    const auto fail = [](int error) {
        throw std::system_error(error, std::generic_category(), "cannot notify NOTIFY_SOCKET");
    };
    if (path.size() >= sizeof address.sun_path) fail(ENAMETOOLONG);
    std::copy(path.begin(), path.end(), address.sun_path);
    if (path.front() == '@') address.sun_path[0] = '\0';  // in the abstract namespace
    const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size());

    const int socket = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (socket < 0) fail(errno);
    const timeval patience{.tv_sec = 1, .tv_usec = 0};
    ::setsockopt(socket, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    const ssize_t sent = ::sendto(socket, state.data(), state.size(), MSG_NOSIGNAL,
                                  reinterpret_cast<const sockaddr*>(&address), size);
    const int error = errno;
    ::close(socket);
    if (sent < 0) fail(error);
}

std::optional<std::int64_t> parse_positive(std::string_view text) noexcept {
    std::int64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    const bool whole = error == std::errc() && end == text.data() + text.size();
    return whole && number > 0 ? std::optional(number) : std::nullopt;
}

std::string reloading_state() {
    timespec now{};
    ::clock_gettime(CLOCK_MONOTONIC, &now);
    const auto microseconds = static_cast<long long>(now.tv_sec) * 1'000'000 + now.tv_nsec / 1000;
    return "RELOADING=1\nMONOTONIC_USEC=" + std::to_string(microseconds);
}

TimeoutExtension::TimeoutExtension(std::function<void(std::string_view)> on_error,
                                   std::chrono::milliseconds interval) {
    if (notify_socket() == nullptr) return;
    thread_ = std::jthread([on_error = std::move(on_error), interval](const std::stop_token& over) {
        ::pthread_setname_np(::pthread_self(), "extend-timeout");
        const std::chrono::microseconds wait = interval * 3;
        const auto state = "EXTEND_TIMEOUT_USEC=" + std::to_string(wait.count());
        std::mutex mutex;
        std::condition_variable_any changed;
        std::unique_lock lock(mutex);
        try {
            do {
                notify_service_manager(state);
                changed.wait_for(lock, over, interval, [] { return false; });
            } while (!over.stop_requested());
        } catch (const std::system_error& error) {
            on_error(error.what());
        }
    });
}

}  // namespace signalbox::process
