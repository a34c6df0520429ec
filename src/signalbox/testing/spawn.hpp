#pragma once

#include <sys/resource.h>
#include <sys/types.h>

#include <chrono>
#include <optional>
#include <string>
#include <vector>

namespace signalbox::test {

/// What a program may not have as much of as this process.
struct Limits {
    std::optional<rlimit> open_files{};  ///< RLIMIT_NOFILE
    /// The kernel refuses to watch descriptors from this number on (epoll_ctl(2), ENOSPC), as it
    /// does when a user watches more than /proc/sys/fs/epoll/max_user_watches.
    std::optional<unsigned> watched_below{};
};

/// How a program is started by `spawn`. Its environment is empty but for a PATH and LC_ALL=C, so
/// that nothing from the developer's shell changes a test.
struct SpawnOptions {
    std::vector<std::string> arguments;  ///< arguments[0] is the absolute path of the program
    std::string directory = "/";
    std::string output = "/dev/null";        ///< stdout and stderr are appended to this file
    int input = -1;                          ///< becomes stdin; -1: /dev/null
    bool dies_with_caller = false;           ///< killed when the thread that started it ends
    std::vector<std::string> environment{};  ///< `NAME=value`, besides PATH and LC_ALL
    Limits limits{};
    /// Become this user and group first (only root may); empty: stay who we are.
    std::optional<uid_t> uid;
    std::optional<gid_t> gid;
};

/// Starts a program in a session of its own, without a terminal, so that Ctrl-C in one ends the
/// test and the test ends the program. The caller owns the process and has to wait for it. Throws
/// std::system_error when it cannot fork; a program that cannot be run exits with 127.
pid_t spawn(const SpawnOptions& options);

/// Waits for a child of this process. Empty: it still runs after `timeout`. Otherwise the status
/// as in waitpid(2).
std::optional<int> wait_for_exit(pid_t child, std::chrono::milliseconds timeout);

/// Runs a program to its end. Throws std::runtime_error with its output when it fails.
void run_program(const SpawnOptions& options);

}  // namespace signalbox::test
