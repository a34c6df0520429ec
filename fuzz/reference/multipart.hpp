#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace signalbox::fuzz {

struct MultipartPart {
    std::string name;
    std::optional<std::string> filename;
    std::string content;

    friend bool operator==(const MultipartPart&, const MultipartPart&) = default;
};

/// The parts of a multipart/form-data body, or nothing when it is none; without limits. Written
/// from RFC 7578 and RFC 2046, section 5.1, without a preamble and with CRLF for all line ends, to
/// judge the code by: it sees the whole body, and keeps no state.
std::optional<std::vector<MultipartPart>> reference_multipart(std::string_view body,
                                                              std::string_view boundary);

}  // namespace signalbox::fuzz
