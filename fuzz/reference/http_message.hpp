#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "signalbox/http/wire/request_decoder.hpp"

namespace signalbox::fuzz {

struct HttpMessage {
    std::string method, target;
    std::string path, query;
    int version_minor = 1;
    std::vector<std::pair<std::string, std::string>> fields;
    bool keep_alive = true;
    bool asks_to_continue = false;  ///< and has a body to ask for
    std::string body;
    std::size_t size = 0;  ///< in the stream
};

/// The request at the beginning of `stream`, if all of it is there, RFC 9112 allows it, and so do
/// the limits. Written from the RFC and not from the code, to judge the code by: it sees the whole
/// stream, goes over it as often as it likes, and keeps no state.
std::optional<HttpMessage> reference_message(std::string_view stream,
                                             const http::DecoderLimits& limits);

}  // namespace signalbox::fuzz
