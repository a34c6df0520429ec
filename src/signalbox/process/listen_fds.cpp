#include "signalbox/process/listen_fds.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cstdlib>
#include <string_view>
#include <utility>
#include <vector>

#include "signalbox/process/service_manager.hpp"

namespace signalbox::process {

namespace {

/// What a name may have of addresses, and there are two.
constexpr int most = 32;

std::vector<std::string_view> split(std::string_view names) {
    std::vector<std::string_view> parts;
    for (std::size_t begin = 0;;) {
        const auto colon = names.find(':', begin);
        parts.push_back(names.substr(begin, colon - begin));
        if (colon == std::string_view::npos) return parts;
        begin = colon + 1;
    }
}

/// What systemd says where nobody gave it a name (systemd.socket(5), FileDescriptorName=).
bool is_default(std::string_view name) {
    return name.empty() || name == "unknown" || name.ends_with(".socket");
}

std::string take(const char* name) {
    const char* const value = std::getenv(name);
    std::string text = value == nullptr ? "" : value;
    ::unsetenv(name);
    return text;
}

}  // namespace

Parsed<ListenFds> parse_listen_fds(const ListenFdsVariables& variables, int self) {
    if (variables.pid.empty() || variables.count.empty()) return ListenFds{};
    const auto pid = parse_positive(variables.pid);
    if (!pid) return Invalid{"LISTEN_PID: \"" + variables.pid + "\" is no process number"};
    if (*pid != self) return ListenFds{};
    const auto count = parse_positive(variables.count);
    if (!count) {
        return Invalid{"LISTEN_FDS: \"" + variables.count + "\" is no number of sockets above 0"};
    }
    if (*count > most) {
        return Invalid{"LISTEN_FDS: " + variables.count + " sockets, and more than " +
                       std::to_string(most) + " are of no use to api and admin"};
    }

    const auto names = variables.names.empty() && *count == 1 ? std::vector<std::string_view>{""}
                                                              : split(variables.names);
    if (names.size() != static_cast<std::size_t>(*count)) {
        return Invalid{"LISTEN_FDNAMES: \"" + variables.names + "\" does not name " +
                       variables.count + " sockets (FileDescriptorName=api and =admin)"};
    }
    ListenFds sockets;
    for (int i = 0; i < *count; ++i) {
        const std::string_view name = names[static_cast<std::size_t>(i)];
        if (name != "api" && name != "admin" && !is_default(name)) {
            return Invalid{"LISTEN_FDNAMES: \"" + std::string(name) +
                           "\" is unknown; sockets are called api and admin"};
        }
        (name == "admin" ? sockets.admin : sockets.api).push_back(first_listen_fd + i);
    }
    return sockets;
}

Parsed<ListenFds> take_listen_fds() {
    const ListenFdsVariables variables{
        .pid = take("LISTEN_PID"), .count = take("LISTEN_FDS"), .names = take("LISTEN_FDNAMES")};
    ::unsetenv("LISTEN_PIDFDID");
    auto sockets = parse_listen_fds(variables, ::getpid());
    if (!sockets) return sockets;
    for (const auto* group : {&sockets->api, &sockets->admin}) {
        for (const int socket : *group) {
            if (::fcntl(socket, F_SETFD, FD_CLOEXEC) == 0) continue;
            return Invalid{"LISTEN_FDS: descriptor " + std::to_string(socket) + " is not open"};
        }
    }
    return sockets;
}

}  // namespace signalbox::process
