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

  private:
    std::string encode(std::string_view bytes, int flush);

    z_stream stream_{};
};

std::string GzipEncoder::encode(std::string_view bytes, int flush) {
    constexpr std::size_t most = std::numeric_limits<uInt>::max();
    std::string output(first_guess(bytes.size()), '\0');
    std::size_t made = 0;
    bool over = false;
    while (!over) {
        const std::size_t taken = std::min(bytes.size(), most);
        stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
        stream_.avail_in = static_cast<uInt>(taken);
        if (made == output.size()) output.resize(2 * output.size());
        const std::size_t room = std::min(output.size() - made, most);
        stream_.next_out = reinterpret_cast<Bytef*>(output.data() + made);
        stream_.avail_out = static_cast<uInt>(room);
        const int result = deflate(&stream_, taken == bytes.size() ? flush : Z_NO_FLUSH);
        bytes.remove_prefix(taken - stream_.avail_in);
        made += room - stream_.avail_out;
        // A flush is over when it leaves room (zlib.h).
        over = flush == Z_FINISH ? result == Z_STREAM_END : bytes.empty() && stream_.avail_out > 0;
    }
    output.resize(made);
    return output;
}

}  // namespace

std::unique_ptr<Encoder> gzip_encoder(int level) {
    return std::make_unique<GzipEncoder>(level);
}

}  // namespace signalbox::http
