#include "signalbox/process/successor.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <limits>
#include <string_view>
#include <system_error>

#include "signalbox/process/listen_fds.hpp"

namespace signalbox::process {

namespace {

/// The listening sockets (listen_fds.cpp takes no more) and the channel.
constexpr std::size_t most_descriptors = 33;

constexpr int cannot_execute = 127;

/// For a process whose files are closed already.
constexpr std::chrono::seconds time_to_end{1};

[[noreturn]] void throw_errno(const std::string& what) {
    throw std::system_error(errno, std::generic_category(), what);
}

/// All that the child needs, made before it is forked: of a process with threads it is a copy in
/// which others may have held any lock, so it only makes system calls.
struct Start {
    std::string binary;
    std::vector<std::string> arguments;
    std::vector<std::string> environment;
    std::array<std::size_t, 2> with_pid{};  ///< places in the environment
    std::size_t with_pid_count = 0;
    std::array<int, most_descriptors> descriptors{};  ///< become 3, 4, 5 …
    std::size_t descriptor_count = 0;
    rlim_t descriptors_end = 0;
    std::vector<char*> argv{};
    std::vector<char*> envp{};
};

std::vector<char*> pointers(std::vector<std::string>& texts) {
    std::vector<char*> result;
    result.reserve(texts.size() + 1);
    for (std::string& text : texts)
        result.push_back(text.data());
    result.push_back(nullptr);
    return result;
}

bool is_variable(std::string_view entry, std::string_view name) {
    return entry.size() > name.size() && entry.starts_with(name) && entry[name.size()] == '=';
}

/// With room for the number, which only the child knows.
void add_pid_variable(Start& start, const std::string& name) {
    constexpr std::size_t digits = std::numeric_limits<pid_t>::digits10 + 2;
    start.with_pid[start.with_pid_count++] = start.environment.size();
    start.environment.push_back(name + "=" + std::string(digits, '\0'));
}

void make_environment(Start& start, const std::vector<SharedSocket>& sockets,
                      const std::string& path_identity, const ReloadCounts& reloads) {
    bool watched = false;
    for (char** entry = ::environ; entry != nullptr && *entry != nullptr; ++entry) {
        const std::string_view text = *entry;
        watched = watched || is_variable(text, "WATCHDOG_PID");
        const auto ours = {"LISTEN_PID",     "LISTEN_FDS",     "LISTEN_FDNAMES",
                           "LISTEN_PIDFDID", "WATCHDOG_PID",   ready_variable,
                           path_variable,    sockets_variable, reloads_variable};
        if (std::none_of(ours.begin(), ours.end(),
                         [&](const char* name) { return is_variable(text, name); })) {
            start.environment.emplace_back(text);
        }
    }
    std::string names;
    for (const SharedSocket& socket : sockets)
        names += (names.empty() ? "" : ":") + socket.name;
    start.environment.push_back(fmt::format("LISTEN_FDS={}", sockets.size()));
    start.environment.push_back("LISTEN_FDNAMES=" + names);
    start.environment.push_back(
        fmt::format("{}={}", ready_variable, first_listen_fd + sockets.size()));
    start.environment.push_back(fmt::format("{}={}", reloads_variable, reloads.text()));
    if (!path_identity.empty()) {
        start.environment.push_back(fmt::format("{}={}", path_variable, path_identity));
    }
    add_pid_variable(start, "LISTEN_PID");
    if (watched) add_pid_variable(start, "WATCHDOG_PID");
}

/// In the child: async-signal-safe calls only (signal-safety(7)).
void write_pid(char* variable) {
    while (*variable != '=')
        ++variable;
    ++variable;
    char digits[16];
    std::size_t count = 0;
    for (pid_t rest = ::getpid(); rest > 0; rest /= 10)
        digits[count++] = static_cast<char>('0' + rest % 10);
    while (count > 0)
        *variable++ = digits[--count];
    *variable = '\0';
}

/// In the child.
void arrange_descriptors(Start& start) {
    constexpr int out_of_the_way = first_listen_fd + static_cast<int>(most_descriptors);
    for (std::size_t i = 0; i < start.descriptor_count; ++i) {
        start.descriptors[i] = ::fcntl(start.descriptors[i], F_DUPFD, out_of_the_way);
        if (start.descriptors[i] < 0) ::_exit(cannot_execute);
    }
    int next = first_listen_fd;
    for (std::size_t i = 0; i < start.descriptor_count; ++i) {
        if (::dup2(start.descriptors[i], next++) < 0) ::_exit(cannot_execute);
    }
    // Not ::close_range(): a filter of system calls may not know it yet.
    if (::syscall(SYS_close_range, next, ~0U, 0) == 0) return;
    for (rlim_t i = static_cast<rlim_t>(next); i < start.descriptors_end; ++i)
        ::close(static_cast<int>(i));
}

/// In the child.
[[noreturn]] void become(Start& start) {
    for (std::size_t i = 0; i < start.with_pid_count; ++i)
        write_pid(start.envp[start.with_pid[i]]);
    arrange_descriptors(start);
    static_cast<void>(::signal(SIGPIPE, SIG_DFL));
    static_cast<void>(::signal(SIGXFSZ, SIG_DFL));
    sigset_t none;
    ::sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    ::execve(start.binary.c_str(), start.argv.data(), start.envp.data());
    ::_exit(cannot_execute);
}

}  // namespace

Program Program::of_this_process(int argc, const char* const* argv) {
    std::error_code ignored;  // an empty path then, and a message that it cannot be started
    std::string binary = std::filesystem::read_symlink("/proc/self/exe", ignored);
    // It was replaced between its start and now.
    constexpr std::string_view deleted = " (deleted)";
    if (binary.ends_with(deleted)) binary.resize(binary.size() - deleted.size());
    return {.binary = std::move(binary), .arguments = {argv, argv + argc}};
}

Successor::Successor(const Program& program, const std::vector<SharedSocket>& sockets,
                     const std::string& path_identity, const ReloadCounts& reloads) {
    const std::string cannot = "cannot start " + program.binary.native();
    if (::access(program.binary.c_str(), X_OK) != 0) throw_errno(cannot);
    int ends[2];
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) throw_errno(cannot);
    channel_ = Descriptor(ends[0]);
    Descriptor its_end(ends[1]);

    Start start{.binary = program.binary, .arguments = program.arguments, .environment = {}};
    make_environment(start, sockets, path_identity, reloads);
    start.argv = pointers(start.arguments);
    start.envp = pointers(start.environment);
    for (const SharedSocket& socket : sockets)
        start.descriptors.at(start.descriptor_count++) = socket.descriptor;
    start.descriptors.at(start.descriptor_count++) = its_end.get();
    rlimit files{};
    ::getrlimit(RLIMIT_NOFILE, &files);
    start.descriptors_end = files.rlim_cur;

    pid_ = ::fork();
    if (pid_ < 0) throw_errno(cannot);
    if (pid_ == 0) become(start);
}

Successor::~Successor() {
    if (!ready_) kill();
}

Successor::Outcome Successor::wait_until_ready(std::chrono::milliseconds timeout,
                                               const std::stop_token& stop) {
    using Clock = std::chrono::steady_clock;
    const auto deadline = Clock::now() + timeout;
    const Descriptor stopped(::eventfd(0, EFD_CLOEXEC));
    if (stopped.get() < 0) throw_errno("cannot wait for the new process");
    const std::stop_callback wake(stop, [&stopped] { ::eventfd_write(stopped.get(), 1); });
    for (;;) {
        std::array<pollfd, 2> events{pollfd{channel_.get(), POLLIN, 0},
                                     pollfd{stopped.get(), POLLIN, 0}};
        const auto left =
            std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now()).count();
        const int found = ::poll(events.data(), events.size(),
                                 static_cast<int>(std::clamp<decltype(left)>(left, 0, 1 << 30)));
        if (found < 0 && errno != EINTR) throw_errno("cannot wait for the new process");
        if (found > 0 && events[0].revents != 0) {
            char byte = 0;
            ready_ = ::recv(channel_.get(), &byte, 1, MSG_DONTWAIT) == 1;
            if (ready_) return Outcome::ready;
            // It ends, and its files are closed before it is over; or it has closed the descriptor
            // and never will be ready.
            if (!wait_until_ended(time_to_end)) kill();
            return Outcome::ended;
        }
        if (found > 0) return Outcome::stopped;
        if (found == 0 && Clock::now() >= deadline) return Outcome::late;
    }
}

void Successor::release_connection() const noexcept {
    const char byte = 1;
    // Nobody reads it when it has ended.
    static_cast<void>(::send(channel_.get(), &byte, 1, MSG_NOSIGNAL | MSG_DONTWAIT));
}

void Successor::terminate() const noexcept {
    if (!ended_) ::kill(pid_, SIGTERM);
}

bool Successor::wait_until_ended(std::chrono::milliseconds timeout) {
    if (ended_) return true;
    // Not pidfd_open(): in glibc 2.36 its header is not fit for C++.
    const Descriptor process(static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0)));
    if (process.get() < 0) throw_errno("cannot wait for the new process");
    const auto deadline = std::chrono::steady_clock::now() + timeout;
    pollfd exited{process.get(), POLLIN, 0};
    int found = 0;
    do {
        const auto left = std::chrono::ceil<std::chrono::milliseconds>(
            deadline - std::chrono::steady_clock::now());
        found = ::poll(&exited, 1, std::max(0, static_cast<int>(left.count())));
    } while (found < 0 && errno == EINTR);
    if (found <= 0) return false;
    reap();
    return true;
}

void Successor::kill() noexcept {
    if (ended_ || pid_ <= 0) return;
    // One that has ended by itself is still there to be waited for.
    if (::waitpid(pid_, &wait_status_, WNOHANG) == pid_) {
        ended_ = true;
        return;
    }
    ::kill(pid_, SIGKILL);
    reap();
}

void Successor::reap() noexcept {
    while (::waitpid(pid_, &wait_status_, 0) < 0 && errno == EINTR) {
    }
    ended_ = true;
}

std::string Successor::how_it_ended() const {
    if (!WIFEXITED(wait_status_)) return fmt::format("by signal {}", WTERMSIG(wait_status_));
    const int status = WEXITSTATUS(wait_status_);
    if (status == cannot_execute) return "because it cannot be executed (status 127)";
    return fmt::format("with status {}", status);
}

}  // namespace signalbox::process
