#include "signalbox/http/wire/request_decoder.hpp"

#include <algorithm>
#include <functional>

namespace signalbox::http {

namespace {

constexpr Malformed bare_line_feed{400, "bare_line_feed"};
constexpr Malformed bad_chunk{400, "chunk"};
constexpr Malformed body_too_large{413, "body_too_large"};
constexpr Malformed too_much_overhead{400, "chunk_overhead"};

/// A chunk's size line is a number and extensions that nobody uses.
constexpr std::size_t longest_chunk_line = 256;

/// Clients send one at most. Without a bound a flood of them would keep the loop busy and
/// never be a request that is answered or timed out.
constexpr std::size_t most_empty_lines = 16;

/// Whether it is the beginning of a method, or of a line feed, of which more is to be said.
bool may_begin_message(std::string_view input) {
    return input.empty() || input == "\r" || input.front() == '\n' || is_token(input.substr(0, 1));
}

}  // namespace

void RequestDecoder::feed(std::string_view input) {
    if (phase_ == Phase::failed) return;
    if (unread_.empty()) {
        unread_ = input;
        return;
    }
    keep();
    const std::size_t decoded = kept_.size() - unread_.size();
    kept_.append(input);
    unread_ = std::string_view(kept_).substr(decoded);
}

std::optional<Decoded> RequestDecoder::next() {
    while (phase_ != Phase::failed) {
        Step taken = step(unread_);
        unread_.remove_prefix(taken.used);
        if (phase_ == Phase::failed) unread_ = {};
        if (taken.decoded) return std::move(taken.decoded);
        if (!taken.again) break;
    }
    return std::nullopt;
}

void RequestDecoder::keep() {
    if (unread_.empty()) {
        if (!kept_.empty()) std::string().swap(kept_);  // what was once large is not kept
        unread_ = {};
        return;
    }
    const std::less_equal<const char*> before;  // of pointers that may be of different objects
    const bool of_kept =
        before(kept_.data(), unread_.data()) && before(unread_.data(), kept_.data() + kept_.size());
    if (!of_kept) {
        kept_.assign(unread_);
        unread_ = kept_;
    } else if (const std::size_t decoded = kept_.size() - unread_.size();
               decoded > kept_.size() / 2) {
        kept_.erase(0, decoded);  // not each time, or many requests would move many more
        unread_ = kept_;
    }
}

std::unique_ptr<Request> RequestDecoder::give_up() {
    phase_ = Phase::failed;
    unread_ = {};
    std::string().swap(kept_);
    if (request_) std::string().swap(request_->body);
    return std::move(request_);
}

RequestDecoder::Step RequestDecoder::step(std::string_view input) {
    return phase_ == Phase::in_body ? read_body(input) : read_head(input);
}

RequestDecoder::Step RequestDecoder::read_head(std::string_view input) {
    // Empty lines before a request are ignored (RFC 9112, section 2.2).
    if (scanned_ == 0 && input.substr(0, 2) == "\r\n") {
        if (++empty_lines_ > most_empty_lines) return fail({400, "empty_lines"});
        phase_ = Phase::between_requests;
        return {.used = 2, .again = true};
    }
    // A TLS handshake on a plain port, or another protocol: its client waits for an answer, and
    // there may never come a line.
    if (scanned_ == 0 && !may_begin_message(input)) return fail({400, "request_line"}, input);
    // The empty line that ends a head of just the allowed size, and not a byte more: what is found
    // may not depend on how much has arrived.
    const std::string_view allowed = input.substr(0, limits_.head + 2);
    std::size_t line_start = scanned_;
    while (true) {
        const std::size_t line_feed = allowed.find('\n', line_start);
        if (line_feed == std::string_view::npos) break;
        if (line_feed == 0 || input[line_feed - 1] != '\r') return fail(bare_line_feed, input);
        if (line_feed - line_start == 1) {
            scanned_ = 0;
            return begin_message(input.substr(0, line_start), line_feed + 1);
        }
        line_start = line_feed + 1;
    }
    if (input.size() >= limits_.head + 2) return fail(too_large(input), input);
    scanned_ = line_start;
    // A lone CR is half an empty line, not the beginning of a request.
    phase_ = input.empty() || input == "\r" ? Phase::between_requests : Phase::in_head;
    return {};
}

Malformed RequestDecoder::too_large(std::string_view head) const {
    // npos is past every limit: the request line has not even ended.
    return head.find('\n') >= limits_.head ? Malformed{414, "target_too_long"}
                                           : Malformed{431, "head_too_large"};
}

RequestDecoder::Step RequestDecoder::begin_message(std::string_view head, std::size_t used) {
    if (head.size() > limits_.head) return fail(too_large(head), head);
    empty_lines_ = 0;
    request_ = std::make_unique<Request>();
    request_->head = head;
    request_->wire_size = used;
    framing_ = {};
    if (const Malformed problem = check_head(*request_, framing_)) {
        request_.reset();
        return fail(problem, head);
    }
    body_limit_ = limits_.body;
    if (head_receiver_ != nullptr) {
        body_limit_ = head_receiver_->on_head(*request_, limits_.body);
    }
    if (framing_.content_length > body_limit_) return fail(body_too_large);
    if (!framing_.chunked && framing_.content_length == 0) return complete(used);

    phase_ = Phase::in_body;
    body_part_ = framing_.chunked ? BodyPart::chunk_size : BodyPart::content;
    remaining_ = framing_.content_length;
    taken_ = 0;
    chunk_overhead_ = {};
    trailer_size_ = 0;
    if (framing_.expects_continue) {
        return {.used = used, .decoded = ExpectsContinue{}, .again = true};
    }
    return {.used = used, .again = true};
}

RequestDecoder::Step RequestDecoder::read_body(std::string_view input) {
    switch (body_part_) {
        case BodyPart::content:
        case BodyPart::chunk_data:
            return read_content(input);
        case BodyPart::chunk_size:
            return read_chunk_size(input);
        case BodyPart::chunk_end:
            return read_chunk_end(input);
        case BodyPart::trailers:
            return read_trailers(input);
    }
    return fail(bad_chunk);
}

RequestDecoder::Step RequestDecoder::read_content(std::string_view input) {
    const auto part = static_cast<std::size_t>(std::min<std::uint64_t>(remaining_, input.size()));
    request_->body.append(input.substr(0, part));
    request_->wire_size += part;
    remaining_ -= part;
    if (remaining_ > 0) return {.used = part};
    if (body_part_ == BodyPart::content) return complete(part);
    body_part_ = BodyPart::chunk_end;
    return {.used = part, .again = true};
}

RequestDecoder::Step RequestDecoder::read_chunk_size(std::string_view input) {
    const auto line = take_line(input);
    if (!line) {
        const bool hopeless =
            input.size() > longest_chunk_line + 1 || input.find('\n') != std::string_view::npos;
        return hopeless ? fail(bad_chunk) : Step{};
    }
    if (line->size() > longest_chunk_line) return fail(bad_chunk);
    const auto chunk = parse_chunk_line(*line);
    if (!chunk) return fail(bad_chunk);
    const std::size_t arrived = taken_ + request_->body.size();
    if (chunk->size > body_limit_ - arrived) return fail(body_too_large);
    const std::size_t data = arrived + static_cast<std::size_t>(chunk->size);
    if (!chunk_overhead_.add(*chunk, line->size()) || chunk_overhead_.exceeds(data)) {
        return fail(too_much_overhead);
    }
    ++chunks_;
    request_->wire_size += line->size() + 2;
    remaining_ = chunk->size;
    body_part_ = chunk->size == 0 ? BodyPart::trailers : BodyPart::chunk_data;
    return {.used = line->size() + 2, .again = true};
}

RequestDecoder::Step RequestDecoder::read_chunk_end(std::string_view input) {
    constexpr std::string_view end = "\r\n";
    if (input.substr(0, 2) != end.substr(0, input.size())) return fail(bad_chunk);
    if (input.size() < end.size()) return {};
    request_->wire_size += end.size();
    body_part_ = BodyPart::chunk_size;
    return {.used = end.size(), .again = true};
}

RequestDecoder::Step RequestDecoder::read_trailers(std::string_view input) {
    const std::size_t arrived = std::min(input.find('\n'), input.size());  // with the CR
    if (trailer_size_ + arrived > limits_.head + 1) return fail({431, "head_too_large"});
    const auto line = take_line(input);
    if (!line) return arrived < input.size() ? fail(bare_line_feed) : Step{};
    const std::size_t used = line->size() + 2;
    request_->wire_size += used;
    if (line->empty()) return complete(used);
    // Trailers are checked, so that nothing is smuggled in them, and dropped: nobody reads them.
    if (!parse_field_line(*line)) return fail({400, "header"});
    trailer_size_ += used;
    return {.used = used, .again = true};
}

RequestDecoder::Step RequestDecoder::complete(std::size_t used) {
    phase_ = Phase::between_requests;
    return {.used = used, .decoded = std::move(request_), .again = true};
}

RequestDecoder::Step RequestDecoder::fail(Malformed why, std::string_view head) {
    phase_ = Phase::failed;
    if (request_) {
        head = request_->head;
        std::string().swap(request_->body);
    }
    const bool to_head = head.starts_with("HEAD ");
    return {.decoded = Refusal{.why = why, .request = std::move(request_), .to_head = to_head}};
}

std::optional<std::string_view> RequestDecoder::take_line(std::string_view input) const {
    const std::size_t line_feed = input.find('\n');
    if (line_feed == std::string_view::npos || line_feed == 0 || input[line_feed - 1] != '\r') {
        return std::nullopt;
    }
    return input.substr(0, line_feed - 1);
}

}  // namespace signalbox::http
