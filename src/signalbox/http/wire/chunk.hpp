#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace signalbox::http {

/// What stands before a chunk's data (RFC 9112, section 7.1), without its CRLF.
struct ChunkLine {
    std::uint64_t size = 0;      ///< of the data; the highest value when it is beyond that
    std::size_t extensions = 0;  ///< bytes of them, white space included
};

/// Nothing when the line is malformed. Extensions are checked and mean nothing.
std::optional<ChunkLine> parse_chunk_line(std::string_view line);

/// Appends what stands before the data of a chunk of this size, with its CRLF.
void append_chunk_line(std::string& bytes, std::size_t size);
inline constexpr std::string_view chunk_end = "\r\n";
inline constexpr std::string_view last_chunk = "0\r\n\r\n";

/// How much a chunked body may cost beyond its data, so that a client cannot have a server read
/// many bytes for each that it takes (RFC 9112, section 7.1.1, asks for such a limit).
class ChunkOverhead {
  public:
    /// Of all extensions of a body, in bytes.
    static constexpr std::size_t most_extensions = 4 * 1024;
    /// Of size lines and line ends: so many bytes in any case, and so many for each byte of data,
    /// which is enough for chunks of one byte each.
    static constexpr std::size_t most_in_any_case = 16 * 1024;
    static constexpr std::size_t most_for_a_byte = 8;

    /// Adds a size line with the two line ends of its chunk. False past a limit.
    bool add(const ChunkLine& line, std::size_t line_size) noexcept {
        extensions_ += line.extensions;
        bytes_ += line_size + 4;
        return extensions_ <= most_extensions;
    }
    /// Whether it is too much for this much data.
    bool exceeds(std::size_t data) const noexcept {
        return bytes_ > most_in_any_case + most_for_a_byte * data;
    }

  private:
    std::size_t extensions_ = 0;
    std::size_t bytes_ = 0;
};

}  // namespace signalbox::http
