// The bytes of a connection become the same requests however they are split on their way, and these
// are the ones that RFC 9112 makes of them.
//
// An input is a plan, a line feed, and the bytes of the connection. The plan's first byte chooses
// the limits; the others are the sizes of the pieces that arrive, over and over: `@` is 1 byte, `A`
// 2, `Z` 27.
#include <algorithm>
#include <array>
#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "reference/http_message.hpp"
#include "signalbox/http/wire/request_decoder.hpp"
#include "target.hpp"

namespace signalbox::fuzz {
namespace {

using http::Decoded;
using http::DecoderLimits;
using http::ExpectsContinue;
using http::Malformed;
using http::Refusal;
using http::Request;
using http::RequestDecoder;
using Phase = RequestDecoder::Phase;

constexpr std::array<DecoderLimits, 4> all_limits{{
    {},
    {.head = 128, .body = 16},
    {.head = 64, .body = 0},
    {.head = 300, .body = 300},
}};

// Empty lines before a request that are ignored (our limit).
constexpr std::size_t most_empty_lines = 16;

const std::string expects_continue = "expects continue";

std::string describe(const HttpMessage& message) {
    std::string text = message.method + '|' + message.path + '|' + message.query + "|1." +
                       std::to_string(message.version_minor) +
                       (message.keep_alive ? "|keep-alive|" : "|close|");
    for (const auto& [name, value] : message.fields)
        text.append(name).append(":").append(value).append("|");
    return text + message.body + '|' + std::to_string(message.size);
}

std::string describe(const Request& request) {
    HttpMessage message;
    message.method = request.method_name;
    message.path = request.path;
    message.query = request.query;
    message.version_minor = request.version_minor;
    message.keep_alive = request.keep_alive;
    for (const auto& [name, value] : request.headers)
        message.fields.emplace_back(name, value);
    message.body = request.body;
    message.size = request.wire_size;
    return describe(message);
}

void check_malformed(const Malformed& problem) {
    constexpr std::array<int, 9> statuses{400, 408, 413, 414, 417, 431, 501, 503, 505};
    require(std::find(statuses.begin(), statuses.end(), problem.status) != statuses.end(),
            "a refusal has a status that says so");
    require(!problem.reason.empty() && problem.reason.size() < 32, "a refusal has a short reason");
    for (const char c : problem.reason)
        require((c >= 'a' && c <= 'z') || c == '_',
                "a reason is one of ours, no bytes of the client");
}

void check_request(const Request& request, const DecoderLimits& limits) {
    require(request.head.size() <= limits.head, "a head is within its limit");
    require(request.body.size() <= limits.body, "a body is within its limit");
    const std::string_view head = request.head;
    const auto in_head = [head](std::string_view text) {
        return text.empty() || (text.data() >= head.data() &&
                                text.data() + text.size() <= head.data() + head.size());
    };
    for (const auto& header : request.headers) {
        require(in_head(header.name) && in_head(header.value), "headers are views into the head");
        require(request.header(header.name).has_value(), "a header is found by its name");
    }
    require(in_head(request.method_name), "the method is a view into the head");
}

/// What a decoder makes of the bytes it is given.
class Decoding {
  public:
    explicit Decoding(const DecoderLimits& limits) : limits_(limits), decoder_(limits_) {}

    void feed(std::string_view bytes) {
        // A copy of just this size, so that a view kept into it is found by the sanitizer.
        const std::vector<char> copy(bytes.begin(), bytes.end());
        decoder_.feed({copy.data(), copy.size()});
        while (const auto decoded = decoder_.next())
            take(*decoded);
        decoder_.keep();
    }

    /// The requests and expectations, and at their end the refusal.
    const std::vector<std::string>& events() const { return events_; }
    bool refused() const { return refused_; }
    Phase phase() const { return decoder_.phase(); }

  private:
    void take(const Decoded& decoded) {
        require(!refused_, "nothing follows a refusal");
        if (std::holds_alternative<ExpectsContinue>(decoded)) {
            events_.push_back(expects_continue);
        } else if (const auto* refusal = std::get_if<Refusal>(&decoded)) {
            check_malformed(refusal->why);
            refused_ = true;
            events_.push_back(std::to_string(refusal->why.status) + " " +
                              std::string(refusal->why.reason));
            if (refusal->request) {
                check_request(*refusal->request, limits_);
                events_.back() += " of " + describe(*refusal->request);
            }
        } else {
            const Request& request = *std::get<std::unique_ptr<Request>>(decoded);
            check_request(request, limits_);
            events_.push_back(describe(request));
        }
    }

    DecoderLimits limits_;
    RequestDecoder decoder_;
    std::vector<std::string> events_;
    bool refused_ = false;
};

std::string joined(const std::vector<std::string>& events) {
    std::string text;
    for (const std::string& event : events)
        text.append(event).append("\n");
    return text;
}

/// Every message of the stream is one of the reference's, up to the first that is refused or not
/// complete.
void check_against_reference(std::string_view stream, const DecoderLimits& limits,
                             const Decoding& decoding) {
    std::vector<std::string> expected;
    while (true) {
        for (std::size_t i = 0; i < most_empty_lines && stream.starts_with("\r\n"); ++i)
            stream.remove_prefix(2);
        const auto message = reference_message(stream, limits);
        if (!message) break;
        if (message->asks_to_continue) expected.push_back(expects_continue);
        expected.push_back(describe(*message));
        stream.remove_prefix(message->size);
    }
    std::vector<std::string> found = decoding.events();
    if (decoding.refused()) found.pop_back();
    // The head of what is not complete may have asked already.
    if (found.size() == expected.size() + 1 && found.back() == expects_continue) found.pop_back();
    require_same(joined(found), joined(expected), "the requests are those of RFC 9112");
    if (stream.empty()) {
        require(decoding.phase() == Phase::between_requests, "nothing is left over");
    }
}

void check_same(const Decoding& split, const Decoding& whole) {
    require_same(joined(split.events()), joined(whole.events()), "a split changes nothing");
    require(split.phase() == whole.phase(), "a split leaves the same over");
}

void check(std::string_view plan, std::string_view stream) {
    const DecoderLimits& limits =
        all_limits[plan.empty() ? 0 : static_cast<unsigned char>(plan.front()) % all_limits.size()];
    const std::string_view sizes = plan.empty() ? plan : plan.substr(1);

    Decoding whole(limits);
    whole.feed(stream);
    require(whole.refused() == (whole.phase() == Phase::failed), "a refusal is the end");
    check_against_reference(stream, limits, whole);

    Decoding in_pieces(limits), in_bytes(limits);
    for (std::size_t i = 0, piece = 0; i < stream.size(); ++piece) {
        const auto size = sizes.empty()
                              ? stream.size()
                              : static_cast<unsigned char>(sizes[piece % sizes.size()]) % 64U + 1U;
        in_pieces.feed(stream.substr(i, size));
        i += std::min(size, stream.size() - i);
    }
    for (std::size_t i = 0; i < stream.size(); ++i)
        in_bytes.feed(stream.substr(i, 1));
    check_same(in_pieces, whole);
    check_same(in_bytes, whole);

    // What was not complete goes on in the same way as well.
    constexpr std::string_view more = "\r\n\r\n0\r\n\r\nGET /more HTTP/1.1\r\nHost: more\r\n\r\n";
    for (Decoding* decoding : {&whole, &in_pieces, &in_bytes})
        decoding->feed(more);
    check_same(in_pieces, whole);
    check_same(in_bytes, whole);
    check_against_reference(std::string(stream).append(more), limits, whole);
}

}  // namespace
}  // namespace signalbox::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view input = signalbox::fuzz::as_text(data, size);
    const std::size_t line_feed = input.find('\n');
    if (line_feed == std::string_view::npos) return 0;
    signalbox::fuzz::check(input.substr(0, line_feed), input.substr(line_feed + 1));
    return 0;
}
