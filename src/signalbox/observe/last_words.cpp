#include "signalbox/observe/last_words.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <ctime>
#include <exception>
#include <string>
#include <string_view>

#include "signalbox/observe/resource_members.hpp"
#include "signalbox/process/termination_message.hpp"

namespace signalbox::observe {

namespace {

/// Made before anything is the matter, and never destroyed.
struct Prepared {
    std::string end;
    bool is_json;
    int descriptor;
};
const Prepared* prepared = nullptr;
std::atomic_flag said = ATOMIC_FLAG_INIT;

/// A line in memory that is there. What does not fit is left out.
class LastLine {
  public:
    LastLine& operator<<(std::string_view text) noexcept {
        const std::size_t part = std::min(text.size(), text_.size() - size_);
        std::copy_n(text.begin(), part, text_.begin() + size_);
        size_ += part;
        return *this;
    }
    void number(unsigned value, unsigned digits) noexcept {
        std::array<char, 10> text{};
        for (std::size_t i = digits; i-- > 0; value /= 10)
            text[i] = static_cast<char>('0' + value % 10);
        *this << std::string_view(text.data(), digits);
    }
    /// Of a cause, so that it needs no escapes and leaves room for the end.
    void plain(std::string_view text) noexcept {
        for (const char c : text.substr(0, 1024)) {
            const bool harmless = c >= ' ' && c < 0x7f && c != '"' && c != '\\';
            *this << std::string_view(harmless ? &c : "?", 1);
        }
    }
    std::string_view text() const noexcept { return {text_.data(), size_}; }
    void write(int descriptor) const noexcept {
        for (std::size_t written = 0; written < size_;) {
            const ssize_t count = ::write(descriptor, text_.data() + written, size_ - written);
            if (count <= 0) return;  // nobody is left to be told
            written += static_cast<std::size_t>(count);
        }
    }

  private:
    std::array<char, 4096> text_{};
    std::size_t size_ = 0;
};

/// As the log has it. No function of the C library may be asked for it in a signal's handler.
void append_time(LastLine& line) noexcept {
    timespec now{};
    ::clock_gettime(CLOCK_REALTIME, &now);
    const std::chrono::sys_seconds seconds{std::chrono::seconds(now.tv_sec)};
    const auto day = std::chrono::floor<std::chrono::days>(seconds);
    const std::chrono::year_month_day date(day);
    const std::chrono::hh_mm_ss time(seconds - day);
    line.number(static_cast<unsigned>(int(date.year())), 4);
    line << "-";
    line.number(unsigned(date.month()), 2);
    line << "-";
    line.number(unsigned(date.day()), 2);
    line << "T";
    line.number(static_cast<unsigned>(time.hours().count()), 2);
    line << ":";
    line.number(static_cast<unsigned>(time.minutes().count()), 2);
    line << ":";
    line.number(static_cast<unsigned>(time.seconds().count()), 2);
    line << ".";
    line.number(static_cast<unsigned>(now.tv_nsec / 1000), 6);
    line << "Z";
}

void say(std::string_view why, std::string_view cause) noexcept {
    if (prepared == nullptr || said.test_and_set()) return;
    LastLine line;
    if (prepared->is_json) {
        line << R"({"timestamp":")";
        append_time(line);
        line << R"(","severity_text":"FATAL","severity_number":21,"body":"the process ends",)"
             << R"("error.type":")" << why << R"(","error.message":")";
        line.plain(cause);
        line << R"(")" << prepared->end << "\n";
    } else {
        append_time(line);
        line << " FATAL the process ends  error.type=" << why << "  error.message=\"";
        line.plain(cause);
        line << "\"\n";
    }
    line.write(prepared->descriptor);
}

constexpr std::array signals{SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL};
/// What was there before, and has its turn afterwards.
std::array<struct sigaction, signals.size()> actions_before{};

void say_uncaught(std::string_view what) noexcept {
    say("uncaught_exception", what);
    LastLine message;
    message << "crashed: " << what;
    process::write_termination_message(message.text());
}

/// Without what was there before, which says it once more, behind the last line.
[[noreturn]] void on_terminate() noexcept {
    if (const auto thrown = std::current_exception()) {
        try {
            std::rethrow_exception(thrown);
        } catch (const std::exception& error) {
            say_uncaught(error.what());
        } catch (...) {
            say_uncaught("an exception of an unknown type");
        }
    } else {
        say("terminate", "std::terminate was called without an exception");
    }
    std::abort();
}

std::string_view name_of(int signal) noexcept {
    switch (signal) {
        case SIGABRT:
            return "SIGABRT";
        case SIGSEGV:
            return "SIGSEGV";
        case SIGBUS:
            return "SIGBUS";
        case SIGFPE:
            return "SIGFPE";
        default:
            return "SIGILL";
    }
}

/// The signal comes once more when this returns, also when somebody has sent it and nothing would
/// bring it again.
void on_signal(int signal) noexcept {
    say("signal", name_of(signal));
    const auto which = static_cast<std::size_t>(std::find(signals.begin(), signals.end(), signal) -
                                                signals.begin());
    ::sigaction(signal, &actions_before[which], nullptr);
    static_cast<void>(std::raise(signal));
}

}  // namespace

void prepare_last_words(const Resource& resource, config::LogFormat format, int descriptor) {
    prepared = new Prepared{.end = resource_members(resource),
                            .is_json = format == config::LogFormat::json,
                            .descriptor = descriptor};
    std::set_terminate(on_terminate);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
    for (std::size_t i = 0; i < signals.size(); ++i) {
        struct sigaction action {};
        action.sa_handler = on_signal;
        ::sigaction(signals[i], &action, &actions_before[i]);
    }
#else
    static_cast<void>(on_signal);
#endif
}

}  // namespace signalbox::observe
