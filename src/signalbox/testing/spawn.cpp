#include "signalbox/testing/spawn.hpp"

#include <fcntl.h>
#include <grp.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <system_error>

namespace signalbox::test {

namespace {

/// A filter of system calls (seccomp(2)) that stays with this process.
void refuse_to_watch_from(unsigned descriptor) {
    // Of each argument the lower half, on a little-endian machine.
    constexpr std::uint32_t number = offsetof(seccomp_data, nr);
    constexpr std::uint32_t operation = offsetof(seccomp_data, args[1]);
    constexpr std::uint32_t watched = offsetof(seccomp_data, args[2]);
    sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, number),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_epoll_ctl, 0, 5),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, operation),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, EPOLL_CTL_ADD, 0, 3),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, watched),
        BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, descriptor, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSPC),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    const sock_fprog program{.len = std::size(filter), .filter = filter};
    if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) ::_exit(127);
    if (::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) ::_exit(127);
}

// Runs in the child, where only async-signal-safe calls are allowed: the parent may have threads.
[[noreturn]] void become(const SpawnOptions& options, char* const* arguments,
                         char* const* environment) {
    ::setsid();
    sigset_t none;
    sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    static_cast<void>(::signal(SIGPIPE, SIG_DFL));

    const int input = options.input >= 0 ? options.input : ::open("/dev/null", O_RDONLY);
    // Opened before the user changes: the file may belong to us.
    const int output = ::open(options.output.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0644);
    if (input < 0 || output < 0) ::_exit(127);
    if (::dup2(input, 0) < 0 || ::dup2(output, 1) < 0 || ::dup2(output, 2) < 0) ::_exit(127);
    ::close_range(3, ~0U, 0);

    const auto& open_files = options.limits.open_files;
    if (open_files && ::setrlimit(RLIMIT_NOFILE, &*open_files) != 0) ::_exit(127);
    if (options.gid && (::setgroups(0, nullptr) != 0 || ::setgid(*options.gid) != 0)) ::_exit(127);
    if (options.uid && ::setuid(*options.uid) != 0) ::_exit(127);
    // Only now: becoming another user clears it.
    if (options.dies_with_caller) ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (options.limits.watched_below) refuse_to_watch_from(*options.limits.watched_below);
    if (::chdir(options.directory.c_str()) != 0) ::_exit(127);
    ::execve(arguments[0], arguments, environment);
    ::_exit(127);
}

std::vector<char*> pointers(const std::vector<std::string>& texts) {
    std::vector<char*> result;
    result.reserve(texts.size() + 1);
    for (const auto& text : texts)
        result.push_back(const_cast<char*>(text.c_str()));
    result.push_back(nullptr);
    return result;
}

}  // namespace

pid_t spawn(const SpawnOptions& options) {
    std::vector<std::string> variables{"PATH=/usr/bin:/bin", "LC_ALL=C"};
    variables.insert(variables.end(), options.environment.begin(), options.environment.end());
    const auto arguments = pointers(options.arguments);
    const auto environment = pointers(variables);

    const pid_t child = ::fork();
    if (child < 0) throw std::system_error(errno, std::system_category(), "fork");
    if (child == 0) become(options, arguments.data(), environment.data());
    return child;
}

std::optional<int> wait_for_exit(pid_t child, std::chrono::milliseconds timeout) {
    // Not pidfd_open(): in glibc 2.36 its header is not fit for C++.
    const int descriptor = static_cast<int>(::syscall(SYS_pidfd_open, child, 0));
    if (descriptor < 0) throw std::system_error(errno, std::system_category(), "pidfd_open");
    pollfd exited{.fd = descriptor, .events = POLLIN, .revents = 0};
    int ready = 0;
    do {
        ready = ::poll(&exited, 1, static_cast<int>(timeout.count()));
    } while (ready < 0 && errno == EINTR);
    // As it was opened: ThreadSanitizer, which has not seen that, would take the number for that of
    // a descriptor which another thread has closed.
    ::syscall(SYS_close, descriptor);
    if (ready == 0) return std::nullopt;

    int status = 0;
    while (::waitpid(child, &status, 0) < 0) {
        if (errno != EINTR) throw std::system_error(errno, std::system_category(), "waitpid");
    }
    return status;
}

void run_program(const SpawnOptions& options) {
    const auto status = wait_for_exit(spawn(options), std::chrono::seconds{60});
    if (status && *status == 0) return;
    std::ifstream file{options.output};
    const std::string output{std::istreambuf_iterator<char>{file}, {}};
    throw std::runtime_error(options.arguments.front() +
                             (status ? " failed: " : " did not end in a minute: ") + output);
}

}  // namespace signalbox::test
