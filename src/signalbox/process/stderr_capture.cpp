#include "signalbox/process/stderr_capture.hpp"

#include <atomic>
#include <cstddef>
#include <cstdio>
#include <mutex>
#include <string>
#include <utility>

namespace signalbox::process {

namespace {

thread_local StderrCapture* innermost = nullptr;

/// Of all threads. `stderr` is a variable that a program may set (the GNU C library's manual,
/// "Standard Streams"); it is its own again as soon as nobody captures.
struct Shared {
    std::mutex mutex;
    std::size_t captures = 0;
    std::atomic<FILE*> own{nullptr};
    FILE* capturing = nullptr;  ///< never closed: a thread may still be printing to it
};

Shared& shared() {
    static Shared& instance = *new Shared;  // for threads that outlive static destructors
    return instance;
}

std::string in_one_line(std::string_view text) {
    std::string line;
    bool at_start = true;
    for (const char c : text) {
        if (c == '\n') {
            at_start = true;
            continue;
        }
        if (std::exchange(at_start, false) && !line.empty()) line += "; ";
        line += c == '\t' ? ' ' : c;
    }
    return line;
}

}  // namespace

struct StderrCookie {
    /// The stream has no buffer, so this is all that one call printed.
    static ssize_t write(void*, const char* text, std::size_t size) {
        if (innermost == nullptr) {
            static_cast<void>(std::fwrite(text, 1, size, shared().own));
        } else if (const auto line = in_one_line({text, size}); !line.empty()) {
            innermost->take_(line);
        }
        return static_cast<ssize_t>(size);
    }
};

StderrCapture::StderrCapture(Take take)
    : take_(std::move(take)), outer_(std::exchange(innermost, this)) {
    Shared& all = shared();
    const std::lock_guard lock(all.mutex);
    if (all.captures++ > 0) return;
    if (all.capturing == nullptr) {
        all.capturing = ::fopencookie(
            nullptr, "w",
            {.read = nullptr, .write = &StderrCookie::write, .seek = nullptr, .close = nullptr});
        if (all.capturing == nullptr) return;  // no memory: it prints
        static_cast<void>(std::setvbuf(all.capturing, nullptr, _IONBF, 0));
    }
    all.own = std::exchange(stderr, all.capturing);
}

StderrCapture::~StderrCapture() {
    innermost = outer_;
    Shared& all = shared();
    const std::lock_guard lock(all.mutex);
    if (--all.captures == 0 && all.own.load() != nullptr) stderr = all.own.load();
}

}  // namespace signalbox::process
