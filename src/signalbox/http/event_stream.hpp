#pragma once

#include <charconv>
#include <chrono>
#include <concepts>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include "signalbox/async/task.hpp"
#include "signalbox/async/wakeup.hpp"
#include "signalbox/http/request.hpp"
#include "signalbox/http/response.hpp"
#include "signalbox/http/stream.hpp"

namespace signalbox::http {

/// A server-sent event (https://html.spec.whatwg.org/multipage/server-sent-events.html, 9.2.5 and
/// 9.2.6): `http::Event("Ada\nGrace").type("names").id("7")`. What is not said is not sent.
///
/// It refers to the texts that it was given.
class Event {
  public:
    Event() = default;  ///< clients do not see one without data
    /// UTF-8, of any number of lines.
    Event(std::string_view data) : data_(data) {}    // NOLINT: a text is an event
    Event(const std::string& data) : data_(data) {}  // NOLINT
    Event(const char* data) : data_(data) {}         // NOLINT

    Event& type(std::string_view type) noexcept {  ///< in place of `message`
        type_ = type;
        return *this;
    }
    /// What the client says in `Last-Event-ID` when it connects anew; empty: it says none then.
    Event& id(std::string_view id) noexcept {
        id_ = id;
        return *this;
    }
    /// How long it is to wait before that.
    Event& retry(std::chrono::milliseconds delay) noexcept {
        retry_ = delay;
        return *this;
    }

    /// As it is sent. Throws std::invalid_argument for a type or an id with a CR, LF or NUL in it,
    /// which would be another field or be ignored.
    std::string text() const;

  private:
    std::optional<std::string_view> data_;
    std::string_view type_;
    std::optional<std::string_view> id_;
    std::optional<std::chrono::milliseconds> retry_;
};

struct EventStreamOptions {
    /// How often a comment is sent while there are no events: proxies close silent connections, and
    /// nothing else tells that a client has gone.
    std::chrono::milliseconds keep_alive = std::chrono::seconds(15);
    /// The headers go with the first event, so that an error before it is a proper answer; but no
    /// later than this, for the client to know that it is connected.
    std::chrono::milliseconds longest_opening = std::chrono::seconds(1);
    /// At a drain or reload clients are told to come back after some time between these.
    std::chrono::milliseconds shortest_retry = std::chrono::seconds(1);
    std::chrono::milliseconds longest_retry = std::chrono::seconds(5);
};

/// Where events go. For the loop's thread; it lives until the function that was given it has ended.
class EventStream {
  public:
    EventStream(Sink& out, std::optional<std::string_view> last_event_id,
                const EventStreamOptions& options, const async::Executor& executor);
    EventStream(const EventStream&) = delete;
    EventStream& operator=(const EventStream&) = delete;

    /// As Sink::write: one at a time.
    async::Task<> send(const Event& event);
    /// Sends a comment, which clients do not see.
    async::Task<> comment(std::string_view text);

    /// The id of the last event that the client has seen, when it connects anew and there was one.
    std::optional<std::string_view> last_event_id() const noexcept { return last_event_id_; }
    /// As a number; nothing when it is none.
    template <std::integral Number>
    std::optional<Number> last_event_id_as() const noexcept {
        Number number{};
        const std::string_view text = last_event_id_.value_or("");
        const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
        if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
        return number;
    }

  private:
    using Clock = async::Wakeup::Clock;
    friend StreamingResponse event_stream(const Request& request,
                                          std::function<async::Task<>(EventStream&)> body,
                                          EventStreamOptions options);
    static async::Task<> run(Sink& out, const Request& request,
                             const std::function<async::Task<>(EventStream&)>& body,
                             const EventStreamOptions& options);

    async::Task<> write(std::string text);
    async::Task<> keep_alive();

    Sink& out_;
    const std::optional<std::string_view> last_event_id_;
    const EventStreamOptions& options_;
    async::Wakeup writable_;  ///< what was being written is
    async::Wakeup changed_;   ///< the body has ended
    Clock::time_point next_comment_;
    bool sending_ = false;
    bool writing_ = false;
    bool ended_ = false;
};

/// A stream of server-sent events for a browser's `EventSource`:
///
///     return http::event_stream(request, [&news](http::EventStream& events) -> async::Task<> {
///         auto next = events.last_event_id_as<std::int64_t>().value_or(0) + 1;
///         while (true) {
///             const Article article = co_await news.wait_for(next);
///             const std::string id = std::to_string(next++);
///             co_await events.send(http::Event(article.json()).type("article").id(id));
///         }
///     });
///
/// When `body` returns, the response ends, and the client connects anew. A body that never returns
/// is right: at a drain or reload it is cancelled where it waits, the client is told when to come
/// back (`retry`, jittered, so that not all come at once), and the response ends properly.
///
/// `body` is kept until its task has ended; `request` is the handler's.
StreamingResponse event_stream(const Request& request,
                               std::function<async::Task<>(EventStream&)> body,
                               EventStreamOptions options = {});

}  // namespace signalbox::http
