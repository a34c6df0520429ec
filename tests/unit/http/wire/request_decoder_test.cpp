#include "signalbox/http/wire/request_decoder.hpp"

#include <gtest/gtest.h>

#include <ostream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace signalbox::http {
namespace {

using Phase = RequestDecoder::Phase;
using Events = std::vector<std::string>;

constexpr DecoderLimits defaults{};
constexpr DecoderLimits small{.head = 100, .body = 16};

/// An event as one comparable text.
std::string describe(const Decoded& decoded) {
    if (std::holds_alternative<ExpectsContinue>(decoded)) return "expects continue";
    if (const auto* refusal = std::get_if<Refusal>(&decoded)) {
        return std::to_string(refusal->why.status) + " " + std::string(refusal->why.reason) +
               (refusal->request ? " of " + refusal->request->path : "");
    }
    const Request& request = *std::get<std::unique_ptr<Request>>(decoded);
    return std::string(request.method_name) + " " + request.path + " [" + request.body + "] " +
           std::to_string(request.wire_size);
}

class Decoding {
  public:
    explicit Decoding(DecoderLimits limits = {}, const HeadReceiver* head_receiver = nullptr)
        : limits_(limits), decoder_(limits_, head_receiver) {}

    Decoding& feed(std::string_view bytes) {
        // A copy of just this size, so that a view kept into it is found by the sanitizer.
        const std::vector<char> copy(bytes.begin(), bytes.end());
        decoder_.feed({copy.data(), copy.size()});
        while (const auto decoded = decoder_.next())
            events.push_back(describe(*decoded));
        decoder_.keep();
        return *this;
    }
    Phase phase() const { return decoder_.phase(); }
    std::size_t memory_size() const { return decoder_.memory_size(); }

    Events events;

  private:
    const DecoderLimits limits_;
    RequestDecoder decoder_;
};

Events decode(std::string_view bytes, DecoderLimits limits = {}) {
    return Decoding(limits).feed(bytes).events;
}

std::string request(std::string_view line, std::string_view fields, std::string_view body = "") {
    return std::string(line) + " HTTP/1.1\r\nHost: a\r\n" + std::string(fields) + "\r\n" +
           std::string(body);
}

std::string chunked(std::string_view body) {
    return request("POST /c", "Transfer-Encoding: chunked\r\n", body);
}

std::string event(std::string_view what, std::string_view body, const std::string& message) {
    return std::string(what) + " [" + std::string(body) + "] " + std::to_string(message.size());
}

std::string filled(std::size_t size) {
    return std::string(size, 'x');
}

TEST(Decoder, reads_a_request_without_a_body) {
    const std::string message = request("GET /a?b", "Name: value\r\n");
    EXPECT_EQ(decode(message), Events{event("GET /a", "", message)});
}

TEST(Decoder, keeps_the_head_for_the_views_into_it) {
    std::unique_ptr<Request> kept;
    {
        RequestDecoder decoder(defaults);
        const std::string message = request("GET /%41?b=c", "Name: value\r\n") + "GET";
        for (const char byte : message) {
            decoder.feed({&byte, 1});
            if (auto decoded = decoder.next()) {
                kept = std::move(std::get<std::unique_ptr<Request>>(*decoded));
            }
            decoder.keep();
        }
    }
    ASSERT_TRUE(kept);
    EXPECT_EQ(kept->method, Method::Get);
    EXPECT_EQ(kept->raw_path, "/%41");
    EXPECT_EQ(kept->path, "/A");
    EXPECT_EQ(kept->query, "b=c");
    EXPECT_EQ(kept->header("name"), "value");
}

TEST(Decoder, reads_content_of_the_announced_length) {
    const std::string message = request("POST /p", "Content-Length: 4\r\n", "\r\n\r\n");
    EXPECT_EQ(decode(message), Events{event("POST /p", "\r\n\r\n", message)});
    const std::string none = request("POST /p", "Content-Length: 0\r\nExpect: 100-continue\r\n");
    EXPECT_EQ(decode(none), Events{event("POST /p", "", none)});
}

TEST(Decoder, reads_chunks_and_drops_extensions_and_trailers) {
    for (const std::string_view body :
         {"3\r\nabc\r\n0\r\n\r\n", "2\r\nab\r\n1\r\nc\r\n0\r\n\r\n", "003\r\nabc\r\n000\r\n\r\n",
          "3;a=b\r\nabc\r\n0;last\r\n\r\n", "3 \t;a=\"b\"\r\nabc\r\n0\r\n\r\n",
          "3;a;b=c ; d = \"e;f\\\"=\\\\\" ;g\r\nabc\r\n0;h=\"\"\r\n\r\n",
          "3\r\nabc\r\n0\r\nTrailer: value\r\nOther:\r\n\r\n"}) {
        const std::string message = chunked(body);
        EXPECT_EQ(decode(message), Events{event("POST /c", "abc", message)}) << body;
    }
    const std::string upper = chunked("A\r\n0123456789\r\n0\r\n\r\n");
    EXPECT_EQ(decode(upper), Events{event("POST /c", "0123456789", upper)});
    const std::string lower = chunked("0a\r\n0123456789\r\n0\r\n\r\n");
    EXPECT_EQ(decode(lower), Events{event("POST /c", "0123456789", lower)});
    const std::string empty = chunked("0\r\n\r\n");
    EXPECT_EQ(decode(empty), Events{event("POST /c", "", empty)});
}

TEST(Decoder, reads_pipelined_requests_in_order) {
    const std::string first = request("GET /1", "");
    const std::string second = request("POST /2", "Content-Length: 3\r\n", "GET");
    const std::string third = chunked("1\r\nx\r\n0\r\n\r\n");
    const std::string fourth = request("PURGE /4", "");
    EXPECT_EQ(decode(first + second + "\r\n" + third + fourth),
              (Events{event("GET /1", "", first), event("POST /2", "GET", second),
                      event("POST /c", "x", third), event("PURGE /4", "", fourth)}));
}

TEST(Decoder, tells_an_expectation_before_the_body) {
    const std::string head = request("PUT /e", "Expect: 100-continue\r\nContent-Length: 2\r\n");
    Decoding decoding;
    decoding.feed(head);
    EXPECT_EQ(decoding.events, Events{"expects continue"});
    EXPECT_EQ(decoding.phase(), Phase::in_body);
    decoding.feed("ok");
    EXPECT_EQ(decoding.events.back(), event("PUT /e", "ok", head + "ok"));
}

TEST(Decoder, refuses_at_once_the_body_that_it_would_have_to_ask_for) {
    EXPECT_EQ(decode(request("PUT /e", "Expect: 100-continue\r\nContent-Length: 17\r\n"), small),
              Events{"413 body_too_large of /e"});
}

struct Stream {
    std::string name, bytes;
    DecoderLimits limits{};
};

void PrintTo(const Stream& stream, std::ostream* out) {
    *out << stream.name;
}

class SplitStream : public testing::TestWithParam<Stream> {};

TEST_P(SplitStream, gives_the_same_events_as_the_whole) {
    const auto& [name, bytes, limits] = GetParam();
    const std::string_view all = bytes;
    const Events whole = decode(all, limits);
    ASSERT_FALSE(whole.empty());
    for (std::size_t i = 0; i <= all.size(); ++i) {
        EXPECT_EQ(Decoding(limits).feed(all.substr(0, i)).feed(all.substr(i)).events, whole)
            << "split at " << i;
    }
    for (std::size_t step = 1; step <= 7; ++step) {
        Decoding decoding(limits);
        for (std::size_t i = 0; i < all.size(); i += step)
            decoding.feed(all.substr(i, step));
        EXPECT_EQ(decoding.events, whole) << "in steps of " << step;
    }
}

std::vector<Stream> streams() {
    const std::string get = request("GET /g?q", "Name: value\r\n");
    const std::string head = request("HEAD /h", "");
    const std::string content = request("POST /p", "Content-Length: 6\r\n", "\r\nGET \n");
    const std::string chunks =
        chunked("4;a=b\r\n\r\n\r\n\r\n1 ; c\r\nx\r\n0;z\r\nTrailer: v\r\nOther:\r\n\r\n");
    const std::string expects =
        request("PUT /e", "Expect: 100-continue\r\nContent-Length: 2\r\n", "ok");
    const std::string expects_chunks = request(
        "PUT /f", "Expect: 100-continue\r\nTransfer-Encoding: chunked\r\n", "2\r\nok\r\n0\r\n\r\n");
    const DecoderLimits exact{.head = request("GET /", "").size() - 2, .body = 3};
    const std::string line_feed_far_on = request("GET /", "") + filled(200);
    return {
        {"get", get + get},
        {"head", head + get + head},
        {"content", content + content},
        {"chunks", chunks + chunks},
        {"mixed", "\r\n" + get + "\r\n\r\n" + content + "\r\n" + chunks + head},
        {"expectations", expects + expects_chunks + get},
        {"http_1_0", "GET /1 HTTP/1.0\r\n\r\n" + get},
        {"options", "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n" + get},
        {"absolute", request("GET http://b/c?d", "") + get},
        {"at_the_limits", request("GET /", "") + request("GET /", "")},
        {"head_at_its_limit", request("GET /", "") + request("GET /", ""), exact},
        {"head_past_its_limit", request("GET /", "") + request("GET /x", ""), exact},
        {"line_past_its_limit", request("GET /", "") + "GET /" + filled(50) + "\r\n", exact},
        {"no_host", get + "GET / HTTP/1.1\r\n\r\n" + get},
        {"bare_line_feed", get + "GET / HTTP/1.1\nHost: a\r\n\r\n" + get},
        {"bare_line_feed_in_fields", get + "GET / HTTP/1.1\r\nHost: a\n\r\n" + get},
        {"bare_line_feed_past_the_limit", "GET / HTTP/1.1\r\nName: " + filled(100) + "\nx: y\r\n",
         exact},
        {"bare_line_feed_at_the_end", get + "GET / HTTP/1.1\r\nHost: a\r\n\n" + get},
        {"bad_chunk_size", chunked("x\r\n") + get},
        {"bad_chunk_end", chunked("1\r\nabc") + get},
        {"chunk_line_too_long", chunked("1;" + filled(300) + "\r\nx\r\n0\r\n\r\n")},
        {"chunk_too_large", chunked("2\r\nab\r\n2\r\nab\r\n0\r\n\r\n"), {.head = 1000, .body = 3}},
        {"bad_trailer", chunked("0\r\nTrailer : v\r\n\r\n") + get},
        {"bare_line_feed_in_trailers",
         chunked("0\r\nTrailer: v\n\r\n") + line_feed_far_on + get,
         {.head = 64, .body = 10}},
        {"trailers_past_the_limit",
         chunked("0\r\nTrailer: " + filled(70) + "\nx\r\n\r\n"),
         {.head = 64, .body = 10}},
    };
}

INSTANTIATE_TEST_SUITE_P(all, SplitStream, testing::ValuesIn(streams()),
                         [](const auto& info) { return info.param.name; });

/// A GET whose head (request line and fields) has this size.
std::string get_of_head_size(std::size_t size) {
    const std::string least = request("GET /", "N: \r\n");
    return request("GET /", "N: " + filled(size - (least.size() - 2)) + "\r\n");
}

TEST(HeadLimit, is_exact) {
    const std::string at = get_of_head_size(small.head);
    ASSERT_EQ(at.size(), small.head + 2);
    EXPECT_EQ(decode(at, small), Events{event("GET /", "", at)});
    EXPECT_EQ(decode(get_of_head_size(small.head + 1), small), Events{"431 head_too_large"});
    EXPECT_EQ(decode(get_of_head_size(small.head * 3), small), Events{"431 head_too_large"});
}

TEST(HeadLimit, is_found_out_before_the_head_ends) {
    EXPECT_EQ(decode("GET / HTTP/1.1\r\nName: " + filled(small.head), small),
              Events{"431 head_too_large"});
    EXPECT_EQ(decode("GET /" + filled(small.head), small), Events{"414 target_too_long"});
}

TEST(HeadLimit, counts_for_each_request_anew) {
    const std::string at = get_of_head_size(small.head);
    EXPECT_EQ(decode("\r\n" + at + at + "\r\n" + at, small).size(), 3U);
}

TEST(HeadLimit, of_a_request_line_is_exact) {
    const auto of_line_size = [](std::size_t size) {
        return "GET /" + filled(size - 16) + " HTTP/1.0\r\n\r\n";
    };
    const std::string at = of_line_size(small.head);
    ASSERT_EQ(at.size(), small.head + 2);
    EXPECT_EQ(decode(at, small), Events{event("GET /" + filled(small.head - 16), "", at)});
    EXPECT_EQ(decode(of_line_size(small.head + 1), small), Events{"414 target_too_long"});
    EXPECT_EQ(decode(of_line_size(small.head * 2), small), Events{"414 target_too_long"});
}

TEST(HeadLimit, may_be_large) {
    // As large as --limit-request-head can be; nothing below may have a smaller limit of its own.
    constexpr DecoderLimits large{.head = 1024 * 1024, .body = 0};
    const std::string path = "/" + filled(1000 * 1000);
    const std::string message = request("GET " + path, "");
    EXPECT_EQ(decode(message, large), Events{event("GET " + path, "", message)});
}

TEST(EmptyLines, before_a_request_are_ignored_up_to_a_bound) {
    const std::string message = request("GET /", "");
    std::string lines;
    for (int i = 0; i < 16; ++i)
        lines += "\r\n";
    EXPECT_EQ(decode(lines + message + lines + message),
              (Events{event("GET /", "", message), event("GET /", "", message)}));
    EXPECT_EQ(decode(lines + "\r\n" + message), Events{"400 empty_lines"});
}

TEST(BodyLimit, of_content_is_exact) {
    const std::string at = request("POST /p", "Content-Length: 16\r\n", filled(16));
    EXPECT_EQ(decode(at, small), Events{event("POST /p", filled(16), at)});
    EXPECT_EQ(decode(request("POST /p", "Content-Length: 17\r\n"), small),
              Events{"413 body_too_large of /p"});
    EXPECT_EQ(decode(request("POST /p", "Content-Length: 18446744073709551615\r\n"), small),
              Events{"413 body_too_large of /p"});
    const DecoderLimits no_body{.head = 64, .body = 0};
    EXPECT_EQ(decode(request("POST /p", "Content-Length: 1\r\n"), no_body),
              Events{"413 body_too_large of /p"});
    EXPECT_EQ(decode(request("POST /p", "Content-Length: 0\r\n"), no_body).size(), 1U);
}

TEST(BodyLimit, of_chunks_is_for_their_sum) {
    const std::string at = chunked("F\r\n" + filled(15) + "\r\n1\r\nx\r\n0\r\n\r\n");
    EXPECT_EQ(decode(at, small), Events{event("POST /c", filled(16), at)});
    // Refused when announced, not when it has come.
    for (const std::string_view body :
         {"11\r\n", "10\r\n0123456789abcdef\r\n1\r\n", "ffffffffffffffff\r\n",
          "10000000000000000\r\n", "ffffffffffffffffffffffff\r\n"}) {
        EXPECT_EQ(decode(chunked(body), small), Events{"413 body_too_large of /c"}) << body;
    }
}

TEST(BodyLimit, of_trailers_is_the_one_of_heads) {
    const auto of_trailer_size = [](std::size_t size) {
        return chunked("0\r\nN: " + filled(size - 5) + "\r\n\r\n");
    };
    EXPECT_EQ(decode(of_trailer_size(small.head), small).front().substr(0, 4), "POST");
    EXPECT_EQ(decode(of_trailer_size(small.head + 1), small), Events{"431 head_too_large of /c"});
    std::string many;
    for (std::size_t i = 0; i < small.head; ++i)
        many += "N:\r\n";
    EXPECT_EQ(decode(chunked("0\r\n" + many + "\r\n"), small), Events{"431 head_too_large of /c"});
    EXPECT_EQ(decode(chunked("0\r\nN: " + filled(small.head)), small),
              Events{"431 head_too_large of /c"});
}

class MalformedChunks : public testing::TestWithParam<std::string> {};

TEST_P(MalformedChunks, are_refused) {
    EXPECT_EQ(decode(chunked(GetParam())), Events{"400 chunk of /c"});
}

INSTANTIATE_TEST_SUITE_P(all, MalformedChunks,
                         testing::Values("\r\n", "x\r\n", "-1\r\n", "+1\r\n", " 1\r\n", "0x1\r\n",
                                         "1 \r\n", "1\t\r\n", "1 1\r\n", "1,\r\n", "g\r\n",
                                         ";a\r\n", "1\n", "1;a\n", "1;a\rb\r\n", "1;\x01\r\n",
                                         std::string("1;\0\r\n", 5), "1\r\nab", "1\r\na\n",
                                         "1\r\na\rb", "1\r\na0\r\n", "0\n", "1;\r\n", "1; \r\n",
                                         "1;a \r\n", "1;a;\r\n", "1;a=\r\n", "1;=a\r\n",
                                         "1;a=b=c\r\n", "1;a b\r\n", "1;a,b\r\n", "1;a=\"b\r\n",
                                         "1;a=\"b\"c\r\n", "1;a=\"b\\\"\r\n", "1;\"a\"\r\n",
                                         "1;" + std::string(255, 'x') + "\r\n",
                                         std::string(258, '0'), std::string(258, ';')));

TEST(ChunkLine, may_have_256_bytes) {
    const std::string message =
        chunked("1;" + filled(254) + "\r\nx\r\n" + std::string(256, '0') + "\r\n\r\n");
    EXPECT_EQ(decode(message), Events{event("POST /c", "x", message)});
}

TEST(ChunkOverhead, of_extensions_is_limited_in_sum) {
    const auto with_extensions = [](std::size_t count) {
        std::string body;
        for (std::size_t i = 0; i < count; ++i)
            body += "40;" + filled(127) + "\r\n" + filled(64) + "\r\n";  // 128 bytes each
        return chunked(body + "0\r\n\r\n");
    };
    const std::string most = with_extensions(32);
    EXPECT_EQ(decode(most), Events{event("POST /c", filled(32 * 64), most)});
    EXPECT_EQ(decode(with_extensions(33)), Events{"400 chunk_overhead of /c"});
}

TEST(ChunkOverhead, is_limited_in_proportion_to_the_data) {
    const auto chunks = [](std::size_t count, std::string_view size_of_one) {
        std::string body;
        for (std::size_t i = 0; i < count; ++i)
            body.append(size_of_one).append("\r\nx\r\n");
        return chunked(body + "0\r\n\r\n");
    };
    const std::string one_by_one = chunks(100'000, "1");
    EXPECT_EQ(decode(one_by_one), Events{event("POST /c", filled(100'000), one_by_one)});
    EXPECT_EQ(decode(chunks(100'000, "000000001")), Events{"400 chunk_overhead of /c"});
    const std::string few = chunks(60, std::string(200, '0') + "1");
    EXPECT_EQ(decode(few), Events{event("POST /c", filled(60), few)});
    EXPECT_EQ(decode(chunks(100, std::string(200, '0') + "1")), Events{"400 chunk_overhead of /c"});
}

TEST(Trailers, are_checked) {
    for (const std::string_view trailer :
         {"Name : v\r\n", " folded\r\n", "Name\r\n", ": v\r\n", "Name: a\rb\r\n"}) {
        EXPECT_EQ(decode(chunked("0\r\n" + std::string(trailer) + "\r\n")),
                  Events{"400 header of /c"});
    }
    EXPECT_EQ(decode(chunked("0\r\nName: v\n\r\n")), Events{"400 bare_line_feed of /c"});
    EXPECT_EQ(decode(chunked("0\r\n\n")), Events{"400 bare_line_feed of /c"});
}

TEST(BareLineFeed, ends_no_line) {
    for (const std::string_view bytes :
         {"\nGET / HTTP/1.1\r\n", "GET / HTTP/1.1\n", "GET / HTTP/1.1\r\nHost: a\n\n",
          "GET / HTTP/1.1\r\nHost: a\r\n\n", "\n", "\r\n\n", "GET / HTTP/1.1\r\n\n"}) {
        EXPECT_EQ(decode(bytes), Events{"400 bare_line_feed"}) << testing::PrintToString(bytes);
    }
}

TEST(Decoder, decodes_nothing_after_a_failure) {
    Decoding decoding;
    decoding.feed("GET /\r\n\r\n" + request("GET /", ""));
    decoding.feed(request("GET /", "")).feed("\n");
    EXPECT_EQ(decoding.events, Events{"400 request_line"});
    EXPECT_EQ(decoding.phase(), Phase::failed);
}

TEST(Decoder, refuses_what_the_head_check_refuses) {
    EXPECT_EQ(decode("GET / HTTP/1.1\r\n\r\n"), Events{"400 host"});
    EXPECT_EQ(decode("GET / HTTP/2.0\r\n\r\n"), Events{"505 version"});
    EXPECT_EQ(decode("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), Events{"505 version"});
    // TLS on a plain port, of which no line may ever come.
    for (const std::string_view bytes :
         {"\x16", "\x16\x03\x01\x02\x01\n", " GET / HTTP/1.1\r\n\r\n", "\rGET / HTTP/1.1\r\n\r\n",
          "\r\n\x16"}) {
        EXPECT_EQ(decode(bytes), Events{"400 request_line"}) << testing::PrintToString(bytes);
    }
    EXPECT_EQ(decode("\r"), Events{});
}

TEST(Decoder, takes_every_method_and_visible_path) {
    for (const std::string_view method :
         {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "get"}) {
        EXPECT_EQ(decode(request(std::string(method) + " /a", "")).front().substr(0, 3),
                  method.substr(0, 3));
    }
    std::string path = "/";
    for (char c = '!'; c <= '~'; ++c) {
        if (c != '#' && c != '?' && c != '%') path += c;
    }
    const std::string message = request("GET " + path, "");
    EXPECT_EQ(decode(message), Events{event("GET " + path, "", message)});
}

TEST(Decoder, counts_what_it_holds_and_keeps_nothing_of_what_is_complete) {
    const std::string large = request("GET /", "A: " + std::string(30'000, 'a') + "\r\n");
    Decoding decoding;
    const std::size_t before = decoding.memory_size();
    EXPECT_LT(before, 100U);
    decoding.feed(large.substr(0, large.size() - 1));
    EXPECT_GE(decoding.memory_size(), large.size() - 1);
    decoding.feed(large.substr(large.size() - 1));
    EXPECT_EQ(decoding.memory_size(), before);

    decoding.feed(request("POST /", "Content-Length: 20000\r\n", std::string(19'999, 'b')));
    EXPECT_GE(decoding.memory_size(), 19'999U);
    decoding.feed("b");
    EXPECT_EQ(decoding.memory_size(), before);
    EXPECT_EQ(decoding.events.size(), 2U);
}

/// Notes the heads, and has a limit of its own for some.
struct ByPath final : HeadReceiver {
    mutable std::vector<std::string> paths;

    std::size_t on_head(Request& request, std::size_t usual_body_limit) const override {
        paths.push_back(request.path);
        if (request.path == "/large") return 100;
        return request.path == "/none" ? 0 : usual_body_limit;
    }
};

std::string sized(std::string_view path, std::size_t size, std::string_view fields = "") {
    return request("POST " + std::string(path),
                   std::string(fields) + "Content-Length: " + std::to_string(size) + "\r\n");
}

TEST(Decoder, shows_each_head_in_order_once_and_before_its_body) {
    const ByPath by_path;
    Decoding decoding(small, &by_path);
    decoding.feed(request("GET /first", "") + sized("/second", 4) + "ab");
    EXPECT_EQ(by_path.paths, (Events{"/first", "/second"}));
    EXPECT_EQ(decoding.phase(), Phase::in_body);
    decoding.feed("cd" + chunked("1\r\na\r\n"));
    EXPECT_EQ(by_path.paths, (Events{"/first", "/second", "/c"}));
    decoding.feed("0\r\n\r\nGET /no-host HTTP/1.1\r\n\r\n");
    EXPECT_EQ(by_path.paths.size(), 3U) << "this one is not in order";
    EXPECT_EQ(decoding.events.back(), "400 host");
}

TEST(Decoder, takes_content_within_the_limit_that_is_said_for_its_head) {
    const ByPath by_path;
    const auto events = [&](const std::string& bytes) {
        return Decoding(small, &by_path).feed(bytes).events;
    };
    for (const auto& [path, limit] :
         {std::pair("/large", 100U), std::pair("/usual", 16U), std::pair("/none", 0U)}) {
        const std::string message = sized(path, limit) + filled(limit);
        const std::string what = std::string("POST ") + path;
        EXPECT_EQ(events(message), Events{event(what, filled(limit), message)});
        const Events refused{std::string("413 body_too_large of ") + path};
        EXPECT_EQ(events(sized(path, limit + 1)), refused) << "before a byte of it came";
        EXPECT_EQ(events(sized(path, limit + 1, "Expect: 100-continue\r\n")), refused)
            << "it is not asked for";
    }
    // Each of a pipeline has its own.
    const std::string large = sized("/large", 17) + filled(17);
    EXPECT_EQ(events(large + sized("/usual", 17)),
              (Events{event("POST /large", filled(17), large), "413 body_too_large of /usual"}));
}

TEST(Decoder, cuts_chunks_that_pass_the_limit_that_is_said_for_their_head) {
    const ByPath by_path;
    const auto begin = [](std::string_view path) {
        return request("POST " + std::string(path), "Transfer-Encoding: chunked\r\n");
    };
    Decoding large(small, &by_path);
    large.feed(begin("/large") + "63\r\n" + filled(99) + "\r\n1\r\nx\r\n");
    EXPECT_EQ(large.events, Events{}) << "100 bytes are within it";
    large.feed("1\r\n");
    EXPECT_EQ(large.events, Events{"413 body_too_large of /large"});
    EXPECT_LT(large.memory_size(), 100U) << "what came of it is not kept";
    EXPECT_EQ(Decoding(small, &by_path).feed(begin("/usual") + "11\r\n").events,
              Events{"413 body_too_large of /usual"});
    EXPECT_EQ(Decoding(small, &by_path).feed(begin("/none") + "1\r\n").events,
              Events{"413 body_too_large of /none"});
    const std::string empty = begin("/none") + "0\r\n\r\n";
    EXPECT_EQ(Decoding(small, &by_path).feed(empty).events, Events{event("POST /none", "", empty)});
}

TEST(Decoder, goes_no_further_than_it_is_asked_to) {
    const std::string two = request("GET /1", "") + request("GET /2", "");
    RequestDecoder decoder(defaults);
    {
        const std::vector<char> copy(two.begin(), two.end());
        decoder.feed({copy.data(), copy.size()});
        ASSERT_TRUE(decoder.next());
        EXPECT_TRUE(decoder.has_more());
        decoder.keep();
    }
    EXPECT_GE(decoder.memory_size(), two.size() / 2);
    decoder.feed("GET /3");
    auto second = decoder.next();
    ASSERT_TRUE(second);
    EXPECT_EQ(std::get<std::unique_ptr<Request>>(*second)->path, "/2");
    EXPECT_FALSE(decoder.next());
    EXPECT_EQ(decoder.phase(), Phase::in_head);
    EXPECT_TRUE(decoder.has_more());
}

TEST(Decoder, has_no_more_between_requests) {
    RequestDecoder decoder(defaults);
    EXPECT_FALSE(decoder.has_more());
    const std::string message = request("GET /", "");
    decoder.feed(message);
    ASSERT_TRUE(decoder.next());
    EXPECT_FALSE(decoder.has_more());
}

TEST(Decoder, gives_up_a_message_with_what_is_known_of_it) {
    RequestDecoder decoder(defaults);
    decoder.feed("GE");
    ASSERT_FALSE(decoder.next());
    EXPECT_EQ(decoder.give_up(), nullptr);
    RequestDecoder in_body(defaults);
    const std::string upload = request("POST /upload", "Content-Length: 3\r\n", "ab");
    in_body.feed(upload);
    ASSERT_FALSE(in_body.next());
    const auto given_up = in_body.give_up();
    ASSERT_TRUE(given_up);
    EXPECT_EQ(given_up->path, "/upload");
    EXPECT_EQ(given_up->body, "");
    const std::string more = "c" + request("GET /", "");
    in_body.feed(more);
    EXPECT_FALSE(in_body.next()) << "where the next message begins is unknown";
    EXPECT_FALSE(in_body.has_more());
}

TEST(Decoder, completes_a_body_without_what_was_taken_of_it) {
    for (const bool in_chunks : {false, true}) {
        SCOPED_TRACE(in_chunks);
        const auto piece = [in_chunks](std::string_view bytes) {
            return in_chunks ? "3\r\n" + std::string(bytes) + "\r\n" : std::string(bytes);
        };
        RequestDecoder decoder(small);
        EXPECT_EQ(decoder.arriving(), nullptr);
        std::string taken;
        const auto feed = [&decoder](const std::string& bytes) {
            decoder.feed(bytes);
            auto decoded = decoder.next();
            decoder.keep();
            return decoded;
        };
        EXPECT_FALSE(feed(request(
            "POST /t", in_chunks ? "Transfer-Encoding: chunked\r\n" : "Content-Length: 15\r\n")));
        for (int i = 0; i < 4; ++i) {
            EXPECT_FALSE(feed(piece("abc")));
            ASSERT_NE(decoder.arriving(), nullptr);
            EXPECT_EQ(decoder.arriving()->path, "/t");
            taken += decoder.take_body();
        }
        EXPECT_EQ(taken, "abcabcabcabc");
        const auto decoded = feed(piece("xyz") + (in_chunks ? "0\r\n\r\n" : ""));
        ASSERT_TRUE(decoded);
        EXPECT_EQ(std::get<std::unique_ptr<Request>>(*decoded)->body, "xyz");
        EXPECT_EQ(decoder.arriving(), nullptr);
        // Of the next one nothing was taken.
        EXPECT_EQ(
            describe(*feed(request("POST /n", "Content-Length: 16\r\n", filled(16)))),
            event("POST /n", filled(16), request("POST /n", "Content-Length: 16\r\n", filled(16))));
    }
}

TEST(BodyLimit, counts_what_was_taken) {
    RequestDecoder decoder(small);
    const std::string head = chunked("a\r\n0123456789\r\n");
    decoder.feed(head);
    EXPECT_FALSE(decoder.next());
    EXPECT_EQ(decoder.take_body(), "0123456789");
    decoder.feed("6\r\nabcdef\r\n");
    EXPECT_FALSE(decoder.next());
    EXPECT_EQ(decoder.take_body(), "abcdef");
    decoder.feed("1\r\n");
    EXPECT_EQ(describe(*decoder.next()), "413 body_too_large of /c");
}

TEST(Phase, follows_the_message) {
    Decoding decoding;
    EXPECT_EQ(decoding.phase(), Phase::between_requests);
    EXPECT_EQ(decoding.feed("G").phase(), Phase::in_head);
    EXPECT_EQ(decoding.feed("ET / HTTP/1.1\r\nHost: a\r\n\r").phase(), Phase::in_head);
    EXPECT_EQ(decoding.feed("\n").phase(), Phase::between_requests);
    EXPECT_EQ(decoding.feed(request("POST /", "Content-Length: 2\r\n")).phase(), Phase::in_body);
    EXPECT_EQ(decoding.feed("a").phase(), Phase::in_body);
    EXPECT_EQ(decoding.feed("b").phase(), Phase::between_requests);
    EXPECT_EQ(decoding.feed(chunked("")).phase(), Phase::in_body);
    EXPECT_EQ(decoding.feed("0\r\n\r").phase(), Phase::in_body);
    EXPECT_EQ(decoding.feed("\nPOST").phase(), Phase::in_head);
    EXPECT_EQ(decoding.feed("\n").phase(), Phase::failed);
    EXPECT_EQ(decoding.events.size(), 4U);
}

TEST(Phase, of_an_empty_line_is_between_requests) {
    // Else whoever sends a stray CRLF in two packets is timed out in the midst of no message.
    Decoding decoding;
    EXPECT_EQ(decoding.feed("\r").phase(), Phase::between_requests);
    EXPECT_EQ(decoding.feed("\n").phase(), Phase::between_requests);
    EXPECT_EQ(decoding.feed("\r").phase(), Phase::between_requests);
    EXPECT_EQ(decoding.feed("\nG").phase(), Phase::in_head);
}

TEST(Decoder, survives_any_bytes) {
    // What goes in must come out as events or wait, whatever it is.
    const std::string_view parts[] = {"GET ",     "/ ",
                                      "HTTP/1.1", "\r\n",
                                      "\r",       "\n",
                                      "Host: a",  "Transfer-Encoding: chunked",
                                      "\r\n\r\n", "Content-Length: 3",
                                      "5;",       "0",
                                      "\0x",      "\xff",
                                      ":",        " "};
    std::uint32_t random = 12345;
    for (int round = 0; round < 20000; ++round) {
        Decoding decoding(small);
        std::string all;
        for (int i = 0; i < 12; ++i) {
            random = random * 1664525 + 1013904223;
            const std::string_view part = parts[(random >> 16) % std::size(parts)];
            all += part;
            decoding.feed(part);
        }
        ASSERT_EQ(decoding.events, decode(all, small)) << testing::PrintToString(all);
    }
}

}  // namespace
}  // namespace signalbox::http
