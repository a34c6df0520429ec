#pragma once

#include <string>
#include <vector>

#include "signalbox/parsed.hpp"

namespace signalbox::process {

/// The first descriptor that a service manager passes (SD_LISTEN_FDS_START, sd_listen_fds(3)).
inline constexpr int first_listen_fd = 3;

/// Listening sockets that the process was started with, by what they are for. The descriptors are
/// the receiver's to close, and are not passed on to programs that it starts.
struct ListenFds {
    std::vector<int> api;    ///< one for each address
    std::vector<int> admin;  ///< the same
    bool empty() const noexcept { return api.empty() && admin.empty(); }
};

/// What a service manager says of them, each as in the variable of that name; empty when there is
/// none.
struct ListenFdsVariables {
    std::string pid;    ///< LISTEN_PID: who is meant
    std::string count;  ///< LISTEN_FDS: how many there are, from descriptor 3 on
    std::string names;  ///< LISTEN_FDNAMES: what each is for, separated by colons
};

/// systemd's protocol (sd_listen_fds(3)), as process number `self` understands it: nothing when
/// another process is meant. Sockets are called `api` and `admin`, several of a name where it has
/// several addresses. One that has no name of its own, or its unit's by default (`orders.socket`),
/// is the API's.
///
/// The protocol is stable, and made to be spoken without libsystemd, which would be a library more
/// in every image for a page of code.
Parsed<ListenFds> parse_listen_fds(const ListenFdsVariables& variables, int self);

/// The same for this process, and takes the variables out of its environment, for they mean nobody
/// else. Before there is any other thread. Invalid names the variable.
Parsed<ListenFds> take_listen_fds();

}  // namespace signalbox::process
