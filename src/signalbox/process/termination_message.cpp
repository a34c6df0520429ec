#include "signalbox/process/termination_message.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstddef>
#include <cstdlib>
#include <exception>
#include <string>

namespace signalbox::process {

namespace {

constexpr std::size_t longest = 4096;

std::atomic<bool> was_written = false;
std::atomic<const char*> crash_file = termination_log;

struct Crash {
    int signal;
    std::string_view why;
};
constexpr Crash crashes[] = {{SIGSEGV, "crashed: SIGSEGV, an address that is none of its own"},
                             {SIGBUS, "crashed: SIGBUS, memory that is not there"},
                             {SIGFPE, "crashed: SIGFPE, an arithmetic error"},
                             {SIGILL, "crashed: SIGILL, an illegal instruction"},
                             {SIGABRT, "crashed: SIGABRT, a fault that the program noticed"}};

// The handler is reset by then: the signal comes again, and ends the process.
void on_crash(int signal) {
    for (const auto& crash : crashes) {
        if (crash.signal == signal && !was_written)
            write_termination_message(crash.why, crash_file);
    }
    static_cast<void>(::raise(signal));
}

std::terminate_handler default_terminate = nullptr;

[[noreturn]] void on_terminate() {
    try {
        if (const auto error = std::current_exception()) std::rethrow_exception(error);
    } catch (const std::exception& error) {
        write_termination_message(std::string{"crashed: "} + error.what(), crash_file);
    } catch (...) {
        write_termination_message("crashed: an exception of an unknown type", crash_file);
    }
    default_terminate();
    std::abort();
}

}  // namespace

void write_termination_message(std::string_view why, const char* file) noexcept {
    const int opened = ::open(file, O_WRONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (opened < 0) return;
    struct stat status {};
    if (::fstat(opened, &status) == 0 && S_ISREG(status.st_mode) && ::ftruncate(opened, 0) == 0) {
        why = why.substr(0, longest);
        was_written = ::write(opened, why.data(), why.size()) > 0;
    }
    ::close(opened);
}

void report_crashes(const char* file) noexcept {
    was_written = false;
    crash_file = file;
    if (std::get_terminate() != &on_terminate) default_terminate = std::set_terminate(on_terminate);
    for (const auto& crash : crashes) {
        struct sigaction action {};
        if (::sigaction(crash.signal, nullptr, &action) != 0 || action.sa_handler != SIG_DFL)
            continue;
        action.sa_handler = on_crash;
        action.sa_flags = SA_RESETHAND | SA_NODEFER;
        ::sigaction(crash.signal, &action, nullptr);
    }
}

}  // namespace signalbox::process
