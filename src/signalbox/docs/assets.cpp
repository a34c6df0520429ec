#include "signalbox/docs/assets.hpp"

#include <zlib.h>

#include <algorithm>
#include <array>
#include <limits>
#include <memory>
#include <stdexcept>

namespace signalbox::docs {

const Asset& asset(std::string_view file_name) {
    const auto found = std::ranges::find_if(assets(), [file_name](const Asset& asset) {
        return asset.served_at.substr(asset.served_at.rfind('/') + 1) == file_name;
    });
    if (found == assets().end()) {
        throw std::logic_error("docs/assets.txt has no " + std::string(file_name));
    }
    return *found;
}

bool has_assets() {
    return std::ranges::none_of(assets(), [](const Asset& asset) { return asset.gzip.empty(); });
}

std::string inflate(std::string_view gzip) {
    if (gzip.size() > std::numeric_limits<uInt>::max()) throw std::runtime_error("too long");
    z_stream stream{};
    // zlib takes no const, and changes nothing.
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(gzip.data()));
    stream.avail_in = static_cast<uInt>(gzip.size());
    constexpr int only_gzip = 16;
    if (::inflateInit2(&stream, only_gzip + MAX_WBITS) != Z_OK) {
        throw std::runtime_error("zlib does not start");
    }
    const auto end = [](z_stream* ended) { ::inflateEnd(ended); };
    const std::unique_ptr<z_stream, decltype(end)> guard(&stream, end);
    std::string text;
    std::array<char, 65536> piece;
    int status = Z_OK;
    while (status == Z_OK) {
        stream.next_out = reinterpret_cast<Bytef*>(piece.data());
        stream.avail_out = static_cast<uInt>(piece.size());
        status = ::inflate(&stream, Z_NO_FLUSH);
        text.append(piece.data(), piece.size() - stream.avail_out);
    }
    if (status != Z_STREAM_END || stream.avail_in != 0) {
        throw std::runtime_error("what should be gzip is not");
    }
    return text;
}

}  // namespace signalbox::docs
