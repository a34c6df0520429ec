#include "signalbox/http/middleware/compression.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstddef>
#include <functional>
#include <memory>
#include <random>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "signalbox/api/module.hpp"
#include "signalbox/async/run.hpp"
#include "signalbox/http/middleware/encoder.hpp"
#include "signalbox/testing/client.hpp"
#include "support/decompress.hpp"
#include "support/memory_use.hpp"
#include "support/sanitized.hpp"

namespace signalbox::http {
namespace {

using test::gunzip;
using test::gunzip_beginning;
using testing::IsEmpty;
using testing::Optional;
using Text = std::string_view;

/// As easy to compress as most texts are.
std::string text_of(std::size_t size) {
    std::string text;
    for (unsigned i = 0; text.size() < size; ++i)
        text.append(R"({"number":)").append(std::to_string(i * 7919 % 10007)).append("},");
    text.resize(size);
    return text;
}

std::string noise_of(std::size_t size) {
    std::mt19937 numbers(1);
    std::string noise(size, '\0');
    for (char& c : noise)
        c = static_cast<char>(numbers());
    return noise;
}

/// What the only endpoint answers.
struct Served {
    Response response{.body = text_of(10'000)};
};
async::Task<Response> serve(Served& served) {
    co_return served.response;
}

struct CompressionTest : testing::Test {
    Served served;
    CompressionOptions options;

    test::Response get(Text accepted = "gzip", Text method = "GET") {
        api::Module module;
        module.provide(served).get<serve>("/").add_middleware(compression(options));
        test::Client client(module);
        const auto response =
            client.request(method, "/", {}, {{"Accept-Encoding", std::string(accepted)}});
        if (method != "HEAD") {
            EXPECT_EQ(response.header("content-length"), std::to_string(response.body.size()));
        }
        return response;
    }
    bool is_compressed() { return get().header("content-encoding") == "gzip"; }
};

TEST_F(CompressionTest, gives_the_content_back) {
    for (const std::size_t size : {500U, 10'000U, 65'536U, 65'537U, 5'000'000U}) {
        served.response.body = text_of(size);
        const auto response = get();
        EXPECT_THAT(response.header("content-encoding"), Optional(Text("gzip")));
        EXPECT_THAT(response.header("vary"), Optional(Text("Accept-Encoding")));
        EXPECT_THAT(response.header("content-type"), Optional(Text("application/json")));
        EXPECT_LT(response.body.size(), size / 2);
        EXPECT_EQ(gunzip(response.body), text_of(size));
    }
}

TEST_F(CompressionTest, is_for_who_takes_it) {
    for (const char* const accepted : {"identity", "br", "gzip;q=0", "identity, gzip;q=0.1"}) {
        const auto response = get(accepted);
        EXPECT_FALSE(response.header("content-encoding")) << accepted;
        EXPECT_THAT(response.header("vary"), Optional(Text("Accept-Encoding"))) << "for caches";
        EXPECT_EQ(response.body, text_of(10'000));
    }
    EXPECT_TRUE(get("br;q=1, GZIP;q=0.5").header("content-encoding"));
}

TEST_F(CompressionTest, is_not_for_what_is_small) {
    served.response.body = text_of(499);
    const auto response = get();
    EXPECT_FALSE(response.header("content-encoding"));
    EXPECT_FALSE(response.header("vary"));
    EXPECT_EQ(response.body, text_of(499));
    options.minimum_size = 100;
    EXPECT_TRUE(is_compressed());
}

TEST_F(CompressionTest, leaves_what_does_not_get_smaller) {
    served.response.content_type = "application/octet-stream";
    for (const std::size_t size : {1000U, 100'000U}) {
        served.response.body = noise_of(size);
        const auto response = get();
        EXPECT_FALSE(response.header("content-encoding"));
        EXPECT_EQ(response.body, noise_of(size));
        served.response.body = JsonText(noise_of(size));
        EXPECT_EQ(get().body, noise_of(size));
    }
}

TEST_F(CompressionTest, leaves_what_is_compressed_or_must_stay_as_it_is) {
    for (const char* const type :
         {"image/png", "IMAGE/JPEG", "video/mp4", "audio/ogg", "application/zip", "font/woff2",
          "application/gzip; x=y", "text/event-stream; charset=utf-8",
          "application/vnd.openxmlformats-officedocument.wordprocessingml.document"}) {
        served.response.content_type = type;
        EXPECT_FALSE(is_compressed()) << type;
        EXPECT_FALSE(get().header("vary")) << type;
    }
    for (const char* const type :
         {"image/svg+xml", "text/html; charset=utf-8", "application/wasm"}) {
        served.response.content_type = type;
        EXPECT_TRUE(is_compressed()) << type;
    }
    served.response.headers = {{"cache-control", "max-age=60, no-transform"}};
    EXPECT_FALSE(is_compressed());
    served.response.headers = {{"Content-Encoding", "br"}};
    EXPECT_THAT(get().header("content-encoding"), Optional(Text("br")));
    served.response.headers.clear();
    served.response.status = 206;
    EXPECT_FALSE(is_compressed());
}

TEST_F(CompressionTest, says_nothing_of_content_where_there_is_none) {
    served.response.headers = {{"ETag", "\"1\""}};
    for (const int status : {204, 304}) {
        served.response.status = status;
        api::Module module;
        module.provide(served).get<serve>("/").add_middleware(compression());
        test::Client client(module);
        const auto response = client.get("/", {{"Accept-Encoding", "gzip"}});
        EXPECT_FALSE(response.header("content-encoding"));
        EXPECT_FALSE(response.header("content-length"));
        EXPECT_THAT(response.header("etag"), Optional(Text("\"1\"")));
        EXPECT_THAT(response.body, IsEmpty());
    }
}

TEST_F(CompressionTest, says_of_head_what_it_says_of_get) {
    served.response.headers = {{"ETag", "\"1\""}};
    auto got = get().headers;
    auto head = get("gzip", "HEAD").headers;
    const auto forget = [](test::Headers& headers) {
        std::erase_if(headers, [](const auto& header) {
            return header.first == "X-Request-ID" || header.first == "traceparent" ||
                   header.first == "Date";
        });
    };
    forget(got);
    forget(head);
    EXPECT_EQ(got, head);
}

TEST_F(CompressionTest, weakens_a_tag_and_adds_to_vary) {
    served.response.headers = {{"etag", "\"1\""}, {"Vary", "Origin"}, {"Vary", "Cookie"}};
    const auto response = get();
    EXPECT_THAT(response.header("etag"), Optional(Text("W/\"1\"")));
    EXPECT_THAT(response.header("vary"), Optional(Text("Origin, Cookie, Accept-Encoding")));
    served.response.headers = {{"ETag", "W/\"1\""}, {"Vary", "accept-encoding"}};
    EXPECT_THAT(get().header("etag"), Optional(Text("W/\"1\"")));
    EXPECT_THAT(get().header("vary"), Optional(Text("accept-encoding")));
    EXPECT_THAT(get("br").header("etag"), Optional(Text("W/\"1\"")));
}

TEST_F(CompressionTest, refuses_a_level_that_is_none) {
    for (const int level : {-1, 0, 10})
        EXPECT_THROW(compression({.level = level}), std::invalid_argument);
    EXPECT_THROW(compression({.zstd_level = 20}), std::invalid_argument);
    served.response.body = text_of(100'000);
    options.level = 1;
    const std::size_t fastest = get().body.size();
    options.level = 9;
    EXPECT_LT(get().body.size(), fastest);
}

TEST_F(CompressionTest, takes_no_more_memory_than_the_body_has) {
    if (test::sanitized) GTEST_SKIP() << "keeps memory back";
    constexpr std::size_t size = std::size_t{64} << 20;
    for (const std::string coding : {"gzip", "zstd"}) {
        Request request;
        request.headers.push_back({.name = "accept-encoding", .value = coding});
        const Middleware middleware = compression({.zstd_level = 1, .codings = {coding}});
        std::string noise = noise_of(size);
        const Next next = [&noise](Request&) -> async::Task<Response> {
            co_return Response{.body = std::move(noise)};
        };
        async::EventLoop loop("test");
        Response response;
        const std::size_t peak =
            test::peak_of([&] { response = async::run(loop, middleware(request, next)); });
        EXPECT_LT(peak, size + size / 8) << coding;
        EXPECT_EQ(response.body.view().size(), size) << "it would have grown";
    }
}

/// Notes what it is given.
struct Pieces final : Sink {
    std::vector<std::string> all;
    std::size_t held = 0;

    void hold(std::size_t bytes) override { held += bytes; }

    async::Task<> write(Body piece) override {
        all.emplace_back(piece.view());
        co_return;
    }
    bool ending() const noexcept override { return is_ending; }
    void on_ending(std::function<void()> call) override { told = std::move(call); }
    bool is_ending = false;
    std::function<void()> told;
};

TEST_F(CompressionTest, compresses_a_stream_piece_by_piece) {
    const std::vector<std::string> written{"first", "", text_of(200'000), "last"};
    Request request;
    request.headers.push_back({.name = "accept-encoding", .value = "gzip"});
    const Middleware middleware = compression();
    const Next next = [&written](Request&) -> async::Task<Response> {
        Response response;
        response.stream = std::make_shared<const Stream>([&written](Sink& out) -> async::Task<> {
            for (const std::string& piece : written)
                co_await out.write(piece);
        });
        co_return response;
    };
    async::EventLoop loop("test");
    const Response response = async::run(loop, middleware(request, next));
    ASSERT_NE(response.stream, nullptr);
    EXPECT_EQ(response.headers,
              (Headers{{"Vary", "Accept-Encoding"}, {"Content-Encoding", "gzip"}}));
    Pieces pieces;
    async::run(loop, (*response.stream)(pieces));
    ASSERT_EQ(pieces.all.size(), 4U) << "three that say something, and the end";
    std::string gzip = pieces.all[0];
    EXPECT_EQ(gunzip_beginning(gzip), "first") << "who has the first piece can read it";
    gzip += pieces.all[1];
    EXPECT_EQ(gunzip_beginning(gzip), "first" + text_of(200'000));
    gzip += pieces.all[2];
    EXPECT_EQ(gunzip_beginning(gzip), "first" + text_of(200'000) + "last");
    EXPECT_THROW(gunzip(gzip), std::runtime_error) << "it is not complete";
    gzip += pieces.all[3];
    EXPECT_EQ(gunzip(gzip), "first" + text_of(200'000) + "last");
    EXPECT_GE(pieces.held, 256U * 1024) << "zlib's window and tables";
    EXPECT_LT(pieces.held, 512U * 1024) << "once";
}

TEST_F(CompressionTest, uses_zstd_where_it_is_taken) {
    for (const std::size_t size : {500U, 10'000U, 1'000'000U}) {
        served.response.body = text_of(size);
        const auto response = get("gzip, deflate, br, zstd");
        EXPECT_THAT(response.header("content-encoding"), Optional(Text("zstd")));
        EXPECT_LT(response.body.size(), size / 2);
        EXPECT_EQ(test::unzstd(response.body), text_of(size));
        EXPECT_THAT(get("gzip, zstd;q=0.9").header("content-encoding"), Optional(Text("gzip")));
    }
    served.response.body = JsonText(text_of(10'000));
    EXPECT_EQ(test::unzstd(get("zstd").body), text_of(10'000));
    EXPECT_EQ(gunzip(get("gzip").body), text_of(10'000));
    options.codings = {"gzip", "zstd"};
    EXPECT_THAT(get("gzip, zstd").header("content-encoding"), Optional(Text("gzip")));
    options.codings = {"gzip"};
    EXPECT_FALSE(get("zstd").header("content-encoding"));
    options.codings = {"br"};
    EXPECT_THROW(get(), std::invalid_argument);
}

struct EncoderTest : testing::TestWithParam<std::string> {
    static std::unique_ptr<Encoder> encoder() {
        return GetParam() == "zstd" ? zstd_encoder(3, true) : gzip_encoder(6);
    }
    static std::string beginning(Text bytes) {
        return GetParam() == "zstd" ? test::unzstd(bytes) : gunzip_beginning(bytes);
    }
};
INSTANTIATE_TEST_SUITE_P(Codings, EncoderTest, testing::Values("gzip", "zstd"),
                         [](const auto& info) { return info.param; });

TEST_P(EncoderTest, makes_one_of_pieces_of_any_size) {
    for (const std::size_t size : {0U, 1U, 100U, 511U, 512U, 513U, 300'000U}) {
        const auto encodes = encoder();
        std::string bytes, content;
        for (int i = 0; i < 3; ++i) {
            content += noise_of(size);
            bytes += encodes->piece(noise_of(size));
            EXPECT_EQ(beginning(bytes), content) << size;
        }
        bytes += encodes->last(text_of(size));
        EXPECT_EQ(beginning(bytes), content + text_of(size)) << size;
    }
}

}  // namespace
}  // namespace signalbox::http
