#include "signalbox/observe/log.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <poll.h>
#include <spdlog/async.h>
#include <spdlog/sinks/sink.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <future>
#include <iterator>
#include <optional>
#include <utility>
#include <vector>

#include "signalbox/fast/json_string.hpp"
#include "signalbox/observe/log_text.hpp"
#include "signalbox/observe/resource_members.hpp"
#include "signalbox/process/termination_message.hpp"

namespace signalbox::observe {

namespace {

/// What may wait for standard output. A message is a line, or many lines of one event loop.
constexpr std::size_t most_messages = 8192;
constexpr std::size_t most_bytes = 16 * 1024 * 1024;

constexpr std::chrono::seconds last_flush{2};

/// What was to be handed over has come to nothing, as for want of memory. spdlog tells its error
/// handler of that, on the thread that wrote.
thread_local bool handing_over_failed = false;

/// Behind all lines. No line is so.
constexpr const char* last_message = "";

struct Severity {
    std::string_view name;
    int number;
};

/// OpenTelemetry's names and numbers.
Severity severity(LogLevel level) {
    switch (level) {
        case LogLevel::trace:
            return {"TRACE", 1};
        case LogLevel::debug:
            return {"DEBUG", 5};
        case LogLevel::info:
            return {"INFO", 9};
        case LogLevel::warning:
            return {"WARN", 13};
        case LogLevel::error:
            return {"ERROR", 17};
        case LogLevel::critical:
            break;
    }
    return {"FATAL", 21};
}

std::string instance_id() {
    char host[256] = "localhost";
    ::gethostname(host, sizeof host - 1);
    return fmt::format("{}:{}", host, ::getpid());
}

/// The time of day is written anew once a second on each thread, the rest for each line.
void append_time(std::string& text, std::chrono::system_clock::time_point time) {
    thread_local std::chrono::sys_seconds second;
    thread_local std::string until_second;
    const auto floor = std::chrono::floor<std::chrono::seconds>(time);
    if (floor != second || until_second.empty()) {
        until_second = fmt::format("{:%Y-%m-%dT%H:%M:%S}.",
                                   fmt::gmtime(std::chrono::system_clock::to_time_t(floor)));
        second = floor;
    }
    text.append(until_second);
    char digits[6];
    auto rest = std::chrono::floor<std::chrono::microseconds>(time - floor).count();
    for (std::size_t i = sizeof digits; i-- > 0; rest /= 10)
        digits[i] = static_cast<char>('0' + rest % 10);
    text.append(digits, sizeof digits);
    text.append(1, 'Z');
}

}  // namespace

std::string resource_members(const Resource& resource) {
    std::string text;
    JsonWriter(text)
        .begin_object()
        .key<"service.name">()
        .value(resource.service_name)
        .key<"service.version">()
        .value(resource.service_version)
        .key<"service.instance.id">()
        .value(instance_id())
        .end_object();
    text.front() = ',';
    return text;
}

/// What waits for the thread, as we count it: spdlog's queue drops the oldest message when it is
/// full, but does not say how many lines that was, and its bound is not one of bytes.
struct Log::Queue {
    std::atomic<std::size_t> messages{0};
    std::atomic<std::size_t> bytes{0};
    std::atomic<std::uint64_t> dropped_lines{0};
    std::atomic<bool> output_shared{false};
    std::promise<void> flushed{};  ///< that the last message has come to the sink

    bool take_place(std::size_t size) noexcept {
        const bool room = messages.fetch_add(1) < most_messages;
        if (bytes.fetch_add(size) + size <= most_bytes && room) return true;
        leave(size);
        return false;
    }
    void leave(std::size_t size) noexcept {
        messages.fetch_sub(1);
        bytes.fetch_sub(size);
    }
};

/// Where the lines end up, on the log's thread.
class Log::Sink final : public spdlog::sinks::sink {
  public:
    Sink(int descriptor, std::shared_ptr<Queue> queue)
        : descriptor_(descriptor), queue_(std::move(queue)) {}

    void log(const spdlog::details::log_msg& message) override {
        const std::string_view lines(message.payload.data(), message.payload.size());
        if (lines == last_message) return queue_->flushed.set_value();
        for (std::string_view rest = lines; !rest.empty();) {
            const auto piece =
                rest.substr(0, queue_->output_shared ? size_of_piece(rest) : rest.size());
            rest.remove_prefix(piece.size());
            const auto lost = write(piece);
            queue_->dropped_lines.fetch_add(
                static_cast<std::uint64_t>(std::count(lost.begin(), lost.end(), '\n')));
        }
        queue_->leave(lines.size());
    }
    void flush() override {}
    void set_pattern(const std::string&) override {}
    void set_formatter(std::unique_ptr<spdlog::formatter>) override {}

  private:
    /// Whole lines, as many as fit, and at least one.
    static std::size_t size_of_piece(std::string_view lines) {
        if (lines.size() <= PIPE_BUF) return lines.size();
        const auto last = lines.rfind('\n', PIPE_BUF - 1);
        const auto end = last != std::string_view::npos ? last : lines.find('\n');
        return end != std::string_view::npos ? end + 1 : lines.size();
    }

    /// Returns what was not written.
    std::string_view write(std::string_view lines) {
        // A disk that was full has taken a part of a line. The next one is not to be its end.
        if (within_line_ && !is_empty_file() && !write_all("\n").empty()) return lines;
        const auto lost = write_all(lines);
        if (lost.size() < lines.size())
            within_line_ = lines[lines.size() - lost.size() - 1] != '\n';
        return lost;
    }

    std::string_view write_all(std::string_view rest) const {
        while (!rest.empty()) {
            const ssize_t written = ::write(descriptor_, rest.data(), rest.size());
            if (written >= 0) {
                rest.remove_prefix(static_cast<std::size_t>(written));
            } else if (errno == EAGAIN) {  // a terminal that a neighbour made non-blocking
                pollfd writable{.fd = descriptor_, .events = POLLOUT, .revents = 0};
                ::poll(&writable, 1, -1);
            } else if (errno != EINTR) {
                break;
            }
        }
        return rest;
    }

    /// Who made room may have emptied the file, and the part of a line is gone.
    bool is_empty_file() const {
        struct stat file {};
        return ::fstat(descriptor_, &file) == 0 && S_ISREG(file.st_mode) && file.st_size == 0;
    }

    const int descriptor_;
    bool within_line_ = false;  ///< what was written last is not the end of a line
    const std::shared_ptr<Queue> queue_;
};

std::string format_time(std::chrono::system_clock::time_point time) {
    std::string text;
    append_time(text, time);
    return text;
}

Log::Log(const Resource& resource, LogLevel level, LogFormat format, int descriptor)
    : format_(format),
      level_(level),
      resource_(resource_members(resource)),
      queue_(std::make_shared<Queue>()),
      // Never full: Queue admits fewer.
      thread_(std::make_shared<spdlog::details::thread_pool>(most_messages + 1, 1)),
      logger_(std::make_shared<spdlog::async_logger>(
          "log", std::make_shared<Sink>(descriptor, queue_), thread_,
          spdlog::async_overflow_policy::overrun_oldest)) {
    logger_->set_level(spdlog::level::trace);  // ours is looked at before a line is made
    logger_->set_error_handler([](const std::string&) { handing_over_failed = true; });
}

Log::~Log() {
    close();
}

void Log::share_output(bool shared) noexcept {
    queue_->output_shared = shared;
}

bool Log::close() {
    if (!thread_) return true;
    // spdlog waits for its thread, and that for standard output, which may be a pipe that nobody
    // reads. Whoever does not read his log has no say in when the process ends. Nor is it to take
    // another thread to know: there may be none to be had.
    auto flushed = queue_->flushed.get_future();
    logger_->log(spdlog::level::info, spdlog::string_view_t(last_message));
    if (flushed.wait_for(last_flush) != std::future_status::ready) {
        static auto& left_behind = *new std::vector<std::shared_ptr<void>>;
        left_behind.insert(left_behind.end(), {std::move(thread_), std::move(logger_)});
        return false;
    }
    thread_.reset();
    logger_.reset();
    return true;
}

void Line::append(std::string_view text) {
    std::string cut;
    // Before there is room for nothing else, so that what comes next is there as well.
    text = shortened(text, std::min(longest_text, room()), cut);
    is_json_ ? void(json_.value(text)) : append_plain(buffer_, text);
}

/// Whether a member of this name may come, with a short value at least.
bool Line::has_room(std::size_t name_size) {
    constexpr std::size_t short_value = 96;
    if (room() >= name_size + short_value) return true;
    if (!std::exchange(incomplete_, true)) {
        is_json_ ? void(json_.key<"log.incomplete">().value(true))
                 : void(buffer_.append("  log.incomplete=true"));
    }
    return false;
}

// A number is the same in text; there, no comma stands before it.
void Line::append(std::int64_t number) {
    is_json_ ? json_.value(number) : JsonWriter(buffer_).value(number);
}

void Line::append(double number) {
    is_json_ ? json_.value(number) : JsonWriter(buffer_).value(number);
}

void Line::append(bool truth) {
    is_json_ ? json_.value(truth) : JsonWriter(buffer_).value(truth);
}

void Line::append(std::chrono::nanoseconds duration) {
    duration = std::max(duration, std::chrono::nanoseconds::zero());
    is_json_ ? json_.value(duration) : JsonWriter(buffer_).value(duration);
}

Line& Line::add(const Field& field) {
    const auto& [name, value] = field;
    if (!has_room(2 + 6 * name.size())) return *this;
    if (is_json_) {
        json_.key(name);
    } else {
        buffer_.append("  ").append(name).append(1, '=');
    }
    std::visit([this](const auto& known) { append(known); }, value);
    return *this;
}

void Log::write(LogLevel level, std::string_view body, Fields fields) {
    if (!enabled(level)) return;
    std::string text;
    Line line = begin_line(text, level, body);
    for (const Field& field : fields)
        line.add(field);
    end_line(text);
    write_lines(text, 1);
}

void Log::write_fatal(std::string_view message) {
    process::write_termination_message(message);
    // JSON keeps the line feeds. For people they would be escapes.
    if (format_ == LogFormat::json) return write(LogLevel::critical, message);
    std::string line;
    for (std::size_t place = 0; place < message.size(); ++place) {
        if (message[place] != '\n') {
            line += message[place];
            continue;
        }
        line += ';';
        while (place + 2 < message.size() && message[place + 1] == ' ' && message[place + 2] == ' ')
            ++place;
    }
    write(LogLevel::critical, line);
}

void Log::write_lines(std::string_view lines, std::size_t count) {
    if (!queue_->take_place(lines.size())) {
        queue_->dropped_lines.fetch_add(count);
        return;
    }
    handing_over_failed = false;
    try {
        logger_->log(spdlog::level::info, spdlog::string_view_t(lines.data(), lines.size()));
    } catch (const std::exception&) {  // no memory to tell of it, either
        handing_over_failed = true;
    }
    if (!handing_over_failed) return;
    queue_->leave(lines.size());
    queue_->dropped_lines.fetch_add(count);
}

Line Log::begin_line(std::string& lines, LogLevel level, std::string_view body) const {
    const auto [name, number] = severity(level);
    const auto now = std::chrono::system_clock::now();
    constexpr std::size_t incomplete_mark = 32;
    Line line(lines, format_,
              lines.size() + Line::longest - std::min(resource_.size(), Line::longest / 2) -
                  incomplete_mark - 1);
    std::string cut;
    body = shortened(body, Line::longest_text, cut);
    if (format_ == LogFormat::json) {
        JsonWriter& json = line.json_;
        json.begin_object().key<"timestamp">();
        std::string& timestamp = json.place();
        timestamp.append(1, '"');
        append_time(timestamp, now);
        timestamp.append(1, '"');
        json.key<"severity_text">().value(name).key<"severity_number">().value(number);
        json.key<"body">().value(body);
    } else {
        append_time(lines, now);
        lines.append(1, ' ').append(name).append(name.size() < 5 ? 2 : 1, ' ');
        has_hidden(body) ? append_quoted(lines, body) : append_utf8(lines, body);
    }
    return line;
}

void Log::end_line(std::string& lines) const {
    if (format_ == LogFormat::json) lines += resource_;
    lines.append(1, '\n');
}

std::uint64_t Log::dropped() const noexcept {
    return queue_->dropped_lines;
}

}  // namespace signalbox::observe
