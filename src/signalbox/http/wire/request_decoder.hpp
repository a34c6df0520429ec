#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "signalbox/default_settings.hpp"
#include "signalbox/http/request.hpp"
#include "signalbox/http/wire/chunk.hpp"
#include "signalbox/http/wire/head.hpp"

namespace signalbox::http {

struct DecoderLimits {
    /// Bytes of request line and headers; past it 431 or 414.
    std::size_t head = defaults::limit_request_head;
    /// Bytes of content where nobody says other; past it 413.
    std::size_t body = defaults::limit_request_body;
};

/// The client waits for `100 Continue` before it sends the body (RFC 9110, section 10.1.1).
struct ExpectsContinue {};

/// A message that is not taken, and what is known of it.
struct Refusal {
    Malformed why;
    std::unique_ptr<Request> request{};  ///< without its body; null when its head was not in order
    bool to_head = false;                ///< of a HEAD request, so that the answer has no content
};

using Decoded = std::variant<std::unique_ptr<Request>, ExpectsContinue, Refusal>;

/// Is shown the head of each message that is in order, as soon as it is complete and before
/// anything of its body.
class HeadReceiver {
  public:
    virtual ~HeadReceiver() = default;
    /// Returns how many bytes of content the message may have; past it 413.
    virtual std::size_t on_head(Request& request, std::size_t usual_body_limit) const = 0;
};

/// Cuts the bytes of one connection into requests (RFC 9112), however the network split them, and
/// no further than it is asked to: what is behind a request waits as bytes.
///
///     decoder.feed(bytes);
///     while (auto decoded = decoder.next()) …
///     decoder.keep();
///
/// After a Refusal nothing more is decoded: where the next message would begin is unknown.
/// Threads: one at a time.
class RequestDecoder {
  public:
    /// What of a message has arrived, for the timeouts.
    enum class Phase { between_requests, in_head, in_body, failed };

    /// `limits` and `head_receiver`, which may be null, outlive it.
    explicit RequestDecoder(const DecoderLimits& limits,
                            const HeadReceiver* head_receiver = nullptr)
        : limits_(limits), head_receiver_(head_receiver) {}
    explicit RequestDecoder(DecoderLimits&& limits, const HeadReceiver* = nullptr) = delete;

    /// The next bytes. They are looked at, not copied, and must stay until keep() or the next
    /// feed().
    void feed(std::string_view input);
    /// The next thing that the bytes complete; nothing when they complete no other.
    std::optional<Decoded> next();
    /// Copies what is not decoded yet.
    void keep();

    Phase phase() const noexcept { return phase_; }
    /// How many chunks of bodies have begun, ever: each is work beyond that of its bytes.
    std::size_t chunks() const noexcept { return chunks_; }
    /// Whether there are bytes behind the last thing that was decoded, or the beginning of a
    /// message; half an empty line is none.
    bool has_more() const noexcept {
        return phase_ != Phase::failed &&
               (phase_ == Phase::in_body || (!unread_.empty() && unread_ != "\r"));
    }
    /// About what the message that is not complete yet and the bytes behind it occupy; next to
    /// nothing between messages.
    std::size_t memory_size() const noexcept {
        return (kept_.empty() ? 0 : kept_.capacity()) +
               (request_ ? request_->memory_size() + room_of_body() : 0);
    }
    /// The message whose body arrives, or null.
    const Request* arriving() const noexcept {
        return phase_ == Phase::in_body ? request_.get() : nullptr;
    }
    /// What has arrived of that body and was not taken. The request is completed without it.
    std::string take_body() noexcept {
        taken_ += request_->body.size();
        return std::exchange(request_->body, {});
    }
    /// Of the message whose body has not arrived as a whole: what a Refusal has, its head without
    /// the body that came; null when there is none. Nothing more is decoded then.
    std::unique_ptr<Request> give_up();
    /// Whether what has arrived of it is a HEAD request, whose answer has no content.
    bool in_head_request() const noexcept {
        return (request_ ? std::string_view(request_->head) : unread_).starts_with("HEAD ");
    }

  private:
    struct Step {
        std::size_t used = 0;
        std::optional<Decoded> decoded{};
        bool again = false;  ///< more may be done with the bytes that are left
    };
    enum class BodyPart { content, chunk_size, chunk_data, chunk_end, trailers };

    /// A string that grows has room for as much again.
    std::size_t room_of_body() const noexcept {
        return request_->body.capacity() - request_->body.size();
    }

    Step step(std::string_view input);
    Step read_head(std::string_view input);
    Step begin_message(std::string_view head, std::size_t used);
    Step read_body(std::string_view input);
    Step read_content(std::string_view input);
    Step read_chunk_size(std::string_view input);
    Step read_chunk_end(std::string_view input);
    Step read_trailers(std::string_view input);
    Step complete(std::size_t used);
    /// `head` is the beginning of a message that is not known as a request yet.
    Step fail(Malformed why, std::string_view head = {});
    Malformed too_large(std::string_view head) const;
    /// The next line with its CRLF, if all of it is there.
    std::optional<std::string_view> take_line(std::string_view input) const;

    const DecoderLimits& limits_;
    const HeadReceiver* const head_receiver_;
    Phase phase_ = Phase::between_requests;
    std::string_view unread_;  ///< of what was fed, or of `kept_`
    std::string kept_;
    std::size_t scanned_ = 0;  ///< how much of an incomplete head was already searched
    std::size_t empty_lines_ = 0;
    std::unique_ptr<Request> request_;
    Framing framing_;
    std::size_t body_limit_ = 0;
    std::size_t taken_ = 0;  ///< of the body, by take_body()
    BodyPart body_part_ = BodyPart::content;
    std::uint64_t remaining_ = 0;  ///< of the content or of the chunk
    ChunkOverhead chunk_overhead_;
    std::size_t chunks_ = 0;
    std::size_t trailer_size_ = 0;
};

}  // namespace signalbox::http
