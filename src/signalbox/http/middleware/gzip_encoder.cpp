#include <zlib.h>

#include <algorithm>
#include <cstddef>
#include <limits>
#include <new>

#include "signalbox/http/middleware/encoder.hpp"

namespace signalbox::http {

namespace {

constexpr int largest_window = 15;
constexpr int with_gzip_header = 16;
constexpr int usual_memory = 8;

/// As zconf.h has it.
constexpr std::size_t memory =
    (std::size_t{1} << (largest_window + 2)) + (std::size_t{1} << (usual_memory + 9));

/// Most texts shrink to less.
constexpr std::size_t first_guess(std::size_t size) {
    return 128 + size / 4;
}

class GzipEncoder final : public Encoder {
  public:
    explicit GzipEncoder(int level) {
        if (deflateInit2(&stream_, level, Z_DEFLATED, largest_window + with_gzip_header,
                         usual_memory, Z_DEFAULT_STRATEGY) != Z_OK) {
            throw std::bad_alloc();
        }
    }
    ~GzipEncoder() override { deflateEnd(&stream_); }

    std::string piece(std::string_view bytes) override { return encode(bytes, Z_SYNC_FLUSH); }
    std::string last(std::string_view bytes) override { return encode(bytes, Z_FINISH); }
    std::optional<std::size_t> whole(std::string_view bytes, std::span<char> room) override;
    std::size_t memory_size() const noexcept override { return memory; }

  private:
    std::string encode(std::string_view bytes, int flush);
    /// Takes of the bytes what there is room for, and returns what it made of them.
    std::size_t step(std::string_view& bytes, std::span<char> room, int flush);

    z_stream stream_{};
    bool ended_ = false;
};

std::size_t GzipEncoder::step(std::string_view& bytes, std::span<char> room, int flush) {
    constexpr std::size_t most = std::numeric_limits<uInt>::max();
    const std::size_t taken = std::min(bytes.size(), most);
    const std::size_t available = std::min(room.size(), most);
    stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
    stream_.avail_in = static_cast<uInt>(taken);
    stream_.next_out = reinterpret_cast<Bytef*>(room.data());
    stream_.avail_out = static_cast<uInt>(available);
    ended_ = deflate(&stream_, taken == bytes.size() ? flush : Z_NO_FLUSH) == Z_STREAM_END;
    bytes.remove_prefix(taken - stream_.avail_in);
    return available - stream_.avail_out;
}

std::string GzipEncoder::encode(std::string_view bytes, int flush) {
    const std::size_t size = bytes.size();
    std::string output(first_guess(size), '\0');
    std::size_t made = 0;
    bool over = false;
    while (!over) {
        // Not twice as much: what does not shrink hardly grows.
        if (made == output.size()) output.resize(made + size + first_guess(size));
        made += step(bytes, std::span(output).subspan(made), flush);
        // A flush is over when it leaves room (zlib.h).
        over = flush == Z_FINISH ? ended_ : bytes.empty() && stream_.avail_out > 0;
    }
    output.resize(made);
    return output;
}

std::optional<std::size_t> GzipEncoder::whole(std::string_view bytes, std::span<char> room) {
    std::size_t made = 0;
    do {
        if (made == room.size()) return std::nullopt;
        made += step(bytes, room.subspan(made), Z_FINISH);
    } while (!ended_);
    return made;
}

}  // namespace

std::unique_ptr<Encoder> gzip_encoder(int level) {
    return std::make_unique<GzipEncoder>(level);
}

}  // namespace signalbox::http
