#include "support/decompress.hpp"

#include <zlib.h>
#include <zstd.h>

#include <memory>
#include <stdexcept>

namespace signalbox::test {

namespace {

std::string inflate_all(std::string_view gzip, bool complete) {
    constexpr int gzip_only = 15 + 16;
    z_stream stream{};
    if (inflateInit2(&stream, gzip_only) != Z_OK) throw std::runtime_error("no memory for zlib");
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(gzip.data()));
    stream.avail_in = static_cast<uInt>(gzip.size());
    std::string content;
    int result = Z_OK;
    do {
        char bytes[64 * 1024];
        stream.next_out = reinterpret_cast<Bytef*>(bytes);
        stream.avail_out = sizeof bytes;
        result = inflate(&stream, Z_NO_FLUSH);
        content.append(bytes, sizeof bytes - stream.avail_out);
    } while (result == Z_OK && (stream.avail_in > 0 || stream.avail_out == 0));
    const bool all_read = stream.avail_in == 0;
    inflateEnd(&stream);
    const bool fine =
        result == Z_STREAM_END || (!complete && (result == Z_OK || result == Z_BUF_ERROR));
    if (!fine || !all_read) throw std::runtime_error("not a gzip, or not only one");
    return content;
}

}  // namespace

std::string gunzip(std::string_view gzip) {
    return inflate_all(gzip, true);
}

std::string gunzip_beginning(std::string_view gzip) {
    return inflate_all(gzip, false);
}

std::string unzstd(std::string_view zstd) {
    const std::unique_ptr<ZSTD_DCtx, decltype(&ZSTD_freeDCtx)> context(ZSTD_createDCtx(),
                                                                       &ZSTD_freeDCtx);
    ZSTD_inBuffer in{zstd.data(), zstd.size(), 0};
    std::string content;
    char bytes[64 * 1024];
    ZSTD_outBuffer out{bytes, sizeof bytes, 0};
    do {
        out.pos = 0;
        const std::size_t result = ZSTD_decompressStream(context.get(), &out, &in);
        if (ZSTD_isError(result) != 0) throw std::runtime_error(ZSTD_getErrorName(result));
        content.append(bytes, out.pos);
    } while (in.pos < in.size || out.pos == out.size);
    return content;
}

}  // namespace signalbox::test
