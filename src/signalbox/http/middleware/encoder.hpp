#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace signalbox::http {

/// Compresses what it is given, piece by piece. Threads: one at a time. They throw std::bad_alloc.
class Encoder {
  public:
    Encoder() = default;
    virtual ~Encoder() = default;
    Encoder(const Encoder&) = delete;
    Encoder& operator=(const Encoder&) = delete;

    /// All of the piece, so that who decompresses what has come until now has it as well.
    virtual std::string piece(std::string_view bytes) = 0;
    /// The same, and the end. Nothing may come behind it.
    virtual std::string last(std::string_view bytes) = 0;
    /// All there is, from its beginning to its end: returns how many bytes of `room` it takes;
    /// nothing when it does not fit.
    virtual std::optional<std::size_t> whole(std::string_view bytes, std::span<char> room) = 0;
    /// What it holds at the moment, in bytes.
    virtual std::size_t memory_size() const noexcept = 0;
};

/// RFC 1952. The level is zlib's, from 1 to 9.
std::unique_ptr<Encoder> gzip_encoder(int level);

/// RFC 8878, as browsers take it (RFC 9659). The level is zstd's, from 1 to 19. For what comes in
/// pieces, `in_pieces`, it holds less memory and compresses less.
std::unique_ptr<Encoder> zstd_encoder(int level, bool in_pieces);

}  // namespace signalbox::http
