#include "signalbox/http/middleware/compression.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <functional>
#include <iterator>
#include <memory>
#include <new>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "signalbox/ascii.hpp"
#include "signalbox/async/off_loop.hpp"
#include "signalbox/http/middleware/encoder.hpp"
#include "signalbox/http/middleware/gzip.hpp"
#include "signalbox/http/middleware/response_headers.hpp"
#include "signalbox/http/middleware/shared_bodies.hpp"
#include "signalbox/http/wire/accept_encoding.hpp"
#include "signalbox/http/wire/head.hpp"

namespace signalbox::http {

namespace {

/// A larger body would keep other requests waiting for a millisecond or more.
constexpr std::size_t largest_on_loop = std::size_t{64} * 1024;

enum class Pieces : bool { one, many };

std::unique_ptr<Encoder> make_encoder(std::string_view coding, const CompressionOptions& options,
                                      Pieces pieces) {
    if (coding == "zstd") return zstd_encoder(options.zstd_level, pieces == Pieces::many);
    return gzip_encoder(options.level);
}

/// Of a buffer that was not written to the end, so that the rest of it took no memory.
struct Compressed {
    struct Free {
        void operator()(char* bytes) const noexcept { std::free(bytes); }
    };
    std::unique_ptr<char, Free> bytes;
    std::string_view text;
};

/// Nothing when it does not get smaller. Takes no more memory than the result has, or the body.
JsonText compressed(std::string_view body, Encoder& encoder) {
    if (body.empty()) return {};
    auto result = std::make_shared<Compressed>();
    result->bytes.reset(static_cast<char*>(std::malloc(body.size())));
    if (!result->bytes) throw std::bad_alloc();
    const auto size = encoder.whole(body, {result->bytes.get(), body.size() - 1});
    if (!size) return {};
    char* const shrunk = static_cast<char*>(std::realloc(result->bytes.get(), *size));
    if (shrunk != nullptr) {
        static_cast<void>(result->bytes.release());
        result->bytes.reset(shrunk);
    }
    result->text = {result->bytes.get(), *size};
    const std::string_view* const text = &result->text;
    return JsonText(std::shared_ptr<const std::string_view>(std::move(result), text));
}

/// In small letters and without parameters: `text/html`.
std::string media_type(std::string_view content_type) {
    return to_lower(content_type.substr(0, content_type.find_first_of("; \t")));
}

/// Of what is compressed already, or is to be sent as it comes.
bool is_left_alone(std::string_view content_type) {
    constexpr std::string_view pictures[]{"image/svg+xml", "image/bmp", "image/x-icon",
                                          "image/vnd.microsoft.icon", "image/x-ms-bmp"};
    constexpr std::string_view others[]{"text/event-stream",
                                        "font/woff",
                                        "font/woff2",
                                        "application/zip",
                                        "application/gzip",
                                        "application/x-gzip",
                                        "application/zstd",
                                        "application/x-bzip2",
                                        "application/x-xz",
                                        "application/x-7z-compressed",
                                        "application/vnd.rar",
                                        "application/x-rar-compressed",
                                        "application/java-archive"};
    const std::string type = media_type(content_type);
    if (type.starts_with("image/"))
        return std::find(std::begin(pictures), std::end(pictures), type) == std::end(pictures);
    return type.starts_with("video/") || type.starts_with("audio/") ||
           type.starts_with("application/vnd.openxmlformats") ||
           std::find(std::begin(others), std::end(others), type) != std::end(others);
}

bool can_be_compressed(const Response& response) {
    constexpr int partial_content = 206;
    if (!may_have_body(response.status) || response.status == partial_content) return false;
    if (find_header(response.headers, "Content-Encoding") != nullptr) return false;
    if (is_left_alone(response.content_type)) return false;
    const std::string* const control = find_header(response.headers, "Cache-Control");
    return control == nullptr || !has_token(*control, "no-transform");
}

/// Several lines are one list (RFC 9110, section 5.3).
std::string accept_encoding(const Request& request) {
    std::string all;
    for (const Header& header : request.headers) {
        if (!is_named(header, "accept-encoding")) continue;
        if (!all.empty()) all += ',';
        all += header.value;
    }
    return all;
}

/// What is compressed for each client may differ in its bytes, and is the same all the same.
void say_it_is_compressed(Response& response, std::string_view coding) {
    set_header(response.headers, "Content-Encoding", std::string(coding));
    const std::string* const tag = find_header(response.headers, "ETag");
    if (tag != nullptr && tag->starts_with('"'))
        set_header(response.headers, "ETag", std::string("W/").append(*tag));
}

/// Compresses what is written to another.
class CompressingSink final : public Sink {
  public:
    CompressingSink(Sink& out, std::unique_ptr<Encoder> encoder)
        : out_(out), encoder_(std::move(encoder)) {}

    async::Task<> write(Body piece) override {
        if (piece.view().empty()) co_return;
        std::string compressed;
        if (piece.view().size() <= largest_on_loop) {
            compressed = encoder_->piece(piece.view());
        } else {
            // Both stay when the stream is cancelled meanwhile.
            auto work = [encoder = encoder_, its = std::move(piece)] {
                return encoder->piece(its.view());
            };
            async::Task<std::string> working = async::off_loop(std::move(work));
            compressed = co_await std::move(working);
        }
        // Only now it has all that it will need.
        if (const std::size_t size = encoder_->memory_size(); size > held_)
            out_.hold(size - std::exchange(held_, size));
        async::Task<> writing = out_.write(std::move(compressed));
        co_await std::move(writing);
    }

    bool ending() const noexcept override { return out_.ending(); }
    void on_ending(std::function<void()> call) override { out_.on_ending(std::move(call)); }

    void hold(std::size_t bytes) override { out_.hold(bytes); }

    std::string end() { return encoder_->last({}); }

  private:
    Sink& out_;
    std::size_t held_ = 0;  ///< of the encoder, as the server knows it
    const std::shared_ptr<Encoder> encoder_;
};

async::Task<> compress_stream(std::shared_ptr<const Stream> stream,
                              std::unique_ptr<Encoder> encoder, Sink& out) {
    CompressingSink compressing(out, std::move(encoder));
    async::Task<> streaming = (*stream)(compressing);
    co_await std::move(streaming);
    async::Task<> ending = out.write(compressing.end());
    co_await std::move(ending);
}

class Compression {
  public:
    explicit Compression(CompressionOptions options) : options_(std::move(options)) {
        check(options_);
        for (const std::string& coding : options_.codings) {
            codings_.emplace_back(coding);
            shared_.push_back(
                std::make_unique<SharedBodies>([this, &coding](std::string_view body) {
                    return compressed(body, *make_encoder(coding, options_, Pieces::one));
                }));
        }
    }

    static async::Task<Response> run(std::shared_ptr<Compression> self, Request& request,
                                     const Next& next) {
        async::Task<Response> answering = next(request);
        Response response = co_await std::move(answering);
        const bool is_stream = response.stream != nullptr;
        const std::size_t size = response.body.view().size();
        if (!is_stream && size < self->options_.minimum_size) co_return response;
        if (!can_be_compressed(response)) co_return response;
        add_vary(response.headers, "Accept-Encoding");
        const std::string_view coding = preferred_coding(accept_encoding(request), self->codings_);
        if (coding.empty()) co_return response;
        bool is_smaller = true;
        if (is_stream) {
            auto stream = [self, coding, inner = response.stream](Sink& out) {
                return compress_stream(inner, make_encoder(coding, self->options_, Pieces::many),
                                       out);
            };
            response.stream = std::make_shared<const Stream>(std::move(stream));
        } else {
            async::Task<bool> compressing = compress(self, response.body, coding);
            is_smaller = co_await std::move(compressing);
        }
        if (is_smaller) say_it_is_compressed(response, coding);
        co_return response;
    }

  private:
    static void check(const CompressionOptions& options) {
        const auto is_within = [](int level, int most) { return level >= 1 && level <= most; };
        if (!is_within(options.level, 9))
            throw std::invalid_argument("compression: level: expected a number from 1 to 9");
        if (!is_within(options.zstd_level, 19))
            throw std::invalid_argument("compression: zstd_level: expected a number from 1 to 19");
        for (const std::string& coding : options.codings) {
            if (coding != "gzip" && coding != "zstd") {
                throw std::invalid_argument("compression: codings: '" + coding +
                                            "': expected gzip or zstd");
            }
        }
    }

    SharedBodies& shared_bodies(std::string_view coding) const {
        const auto place = std::find(codings_.begin(), codings_.end(), coding);
        return *shared_[static_cast<std::size_t>(place - codings_.begin())];
    }

    /// Returns whether it got smaller; it stays what it was otherwise.
    static async::Task<bool> compress(std::shared_ptr<Compression> self, Body& body,
                                      std::string_view coding) {
        const bool off_loop = body.view().size() > largest_on_loop;
        if (body.shared().owner() != nullptr) {
            SharedBodies& shared = self->shared_bodies(coding);
            JsonText result;
            if (off_loop) {
                async::Task<JsonText> making = shared.get_off_loop(body.shared());
                result = co_await std::move(making);
            } else {
                result = shared.get(body.shared());
            }
            if (result.text().empty()) co_return false;
            body = std::move(result);
            co_return true;
        }
        JsonText result;
        if (off_loop) {
            // Both stay when the request is cancelled meanwhile.
            const auto kept = std::make_shared<Body>(std::move(body));
            auto work = [kept, self, coding] {
                return compressed(kept->view(), *make_encoder(coding, self->options_, Pieces::one));
            };
            async::Task<JsonText> working = async::off_loop(std::move(work));
            result = co_await std::move(working);
            body = std::move(*kept);
        } else {
            result = compressed(body.view(), *make_encoder(coding, self->options_, Pieces::one));
        }
        if (result.text().empty()) co_return false;
        body = std::move(result);
        co_return true;
    }

    const CompressionOptions options_;
    std::vector<std::string_view> codings_;
    std::vector<std::unique_ptr<SharedBodies>> shared_;  ///< by coding
};

}  // namespace

Middleware compression(CompressionOptions options) {
    // Shared, as a std::function's callable has to be copyable, and a stream may outlive that.
    return [compression = std::make_shared<Compression>(std::move(options))](Request& request,
                                                                             const Next& next) {
        return Compression::run(compression, request, next);
    };
}

Middleware gzip(const GzipOptions& options) {
    return compression(
        {.minimum_size = options.minimum_size, .level = options.level, .codings = {"gzip"}});
}

}  // namespace signalbox::http
