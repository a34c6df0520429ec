#include "signalbox/http/event_stream.hpp"

#include <asio/this_coro.hpp>

#include <algorithm>
#include <stdexcept>

#include "signalbox/async/all.hpp"
#include "signalbox/async/scoped_flag.hpp"
#include "signalbox/fast/random.hpp"

namespace signalbox::http {

namespace {

constexpr std::string_view empty_comment = ":\n\n";

void check(std::string_view value, const char* what) {
    if (value.find_first_of(std::string_view("\r\n\0", 3)) == value.npos) return;
    throw std::invalid_argument(std::string(what) + " of an event cannot have a CR, LF or NUL");
}

void add_field(std::string& text, std::string_view name, std::string_view value) {
    text.append(name).append(": ").append(value).append("\n");
}

/// One for each line, whichever of the three line ends it has.
void add_lines(std::string& text, std::string_view name, std::string_view lines) {
    while (true) {
        const std::size_t end = lines.find_first_of("\r\n");
        add_field(text, name, lines.substr(0, end));
        if (end == lines.npos) return;
        lines.remove_prefix(end);
        lines.remove_prefix(lines.starts_with("\r\n") ? 2 : 1);
    }
}

std::string time_to_come_back(const EventStreamOptions& options) {
    const auto range =
        std::max(options.longest_retry - options.shortest_retry, std::chrono::milliseconds::zero());
    const auto steps = static_cast<std::uint64_t>(range.count()) + 1;
    const std::chrono::milliseconds jitter(static_cast<std::int64_t>(random_number() % steps));
    return Event().retry(options.shortest_retry + jitter).text();
}

}  // namespace

std::string Event::text() const {
    check(type_, "the type");
    check(id_.value_or(""), "the id");
    std::string text;
    text.reserve(data_.value_or("").size() + type_.size() + 64);
    if (retry_) add_field(text, "retry", std::to_string(retry_->count()));
    if (id_) add_field(text, "id", *id_);
    if (!type_.empty()) add_field(text, "event", type_);
    if (data_) add_lines(text, "data", *data_);
    return text.append("\n");
}

EventStream::EventStream(Sink& out, std::optional<std::string_view> last_event_id,
                         const EventStreamOptions& options, const async::Executor& executor)
    : out_(out),
      last_event_id_(last_event_id),
      options_(options),
      writable_(executor),
      changed_(executor),
      next_comment_(Clock::now() + std::min(options.longest_opening, options.keep_alive)) {}

async::Task<> EventStream::send(const Event& event) {
    return write(event.text());
}

async::Task<> EventStream::comment(std::string_view text) {
    std::string lines;
    add_lines(lines, "", text);
    return write(std::move(lines.append("\n")));
}

async::Task<> EventStream::write(std::string text) {
    if (sending_) throw std::logic_error("a stream sends one event at a time");
    const async::ScopedFlag sending(sending_);
    while (writing_)
        co_await writable_.wait_until();
    const async::ScopedFlag writing(writing_);
    co_await out_.write(std::move(text));
    next_comment_ = Clock::now() + options_.keep_alive;
}

/// Until the body has ended.
async::Task<> EventStream::keep_alive() {
    while (!ended_) {
        co_await changed_.wait_until(next_comment_);
        const auto now = Clock::now();
        if (ended_ || now < next_comment_) continue;
        next_comment_ = now + options_.keep_alive;
        if (writing_) continue;  // the client has something to take
        {
            const async::ScopedFlag writing(writing_);
            co_await out_.write(empty_comment);
        }
        writable_.notify();
    }
}

async::Task<> EventStream::run(Sink& out, const Request& request,
                               const std::function<async::Task<>(EventStream&)>& body,
                               const EventStreamOptions& options) {
    const async::Executor executor = co_await asio::this_coro::executor;
    auto last = request.header("Last-Event-ID");
    if (last && last->empty()) last.reset();
    EventStream events(out, last, options, executor);
    auto run_body = [&]() -> async::Task<> {
        co_await body(events);
        events.ended_ = true;
        events.changed_.notify();
    };
    auto keep_alive = [&]() -> async::Task<> { co_await events.keep_alive(); };
    auto run_both = [&]() -> async::Task<> { co_await async::all(run_body, keep_alive); };
    static_cast<void>(co_await run_until_ending(out, run_both));
    // Also to one whose body has seen by itself that it has to end.
    if (out.ending()) {
        std::string text = time_to_come_back(options);
        co_await out.write(std::move(text));
    }
}

StreamingResponse event_stream(const Request& request,
                               std::function<async::Task<>(EventStream&)> body,
                               EventStreamOptions options) {
    StreamingResponse response =
        stream("text/event-stream", [&request, body = std::move(body), options](Sink& out) {
            return EventStream::run(out, request, body, options);
        });
    response.headers.emplace_back("Cache-Control", "no-store");
    response.headers.emplace_back("X-Accel-Buffering", "no");  // nginx is to pass it on at once
    return response;
}

}  // namespace signalbox::http
