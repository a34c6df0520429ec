#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace signalbox::test {

/// A GET as its bytes; each of the headers with its CRLF.
inline std::string get_bytes(std::string_view path, std::string_view headers = {}) {
    return "GET " + std::string(path) + " HTTP/1.1\r\nHost: test\r\n" + std::string(headers) +
           "\r\n";
}

/// A response's status; 0 when it is none.
inline int status_of(std::string_view response) {
    return response.starts_with("HTTP/1.1 ") && response.size() > 12
               ? std::stoi(std::string(response.substr(9, 3)))
               : 0;
}

/// What is between status line and body, with the CRLF of each line.
inline std::string_view fields_of(std::string_view response) {
    const std::size_t begin = response.find("\r\n") + 2;
    return response.substr(begin, response.find("\r\n\r\n") + 2 - begin);
}

/// The value of a response's header, whose name is as the service writes it.
inline std::optional<std::string> header_of(std::string_view response, std::string_view name) {
    const std::string fields = "\r\n" + std::string(fields_of(response));
    const std::string before = "\r\n" + std::string(name) + ": ";
    const std::size_t found = fields.find(before);
    if (found == std::string::npos) return std::nullopt;
    const std::size_t begin = found + before.size();
    return fields.substr(begin, fields.find("\r\n", begin) - begin);
}

inline std::string_view body_of(std::string_view response) {
    return response.substr(response.find("\r\n\r\n") + 4);
}

/// What a whole chunked body says; nothing when it is cut or malformed.
inline std::optional<std::string> dechunked(std::string_view bytes) {
    std::string body;
    while (true) {
        const std::size_t line_end = bytes.find("\r\n");
        if (line_end == bytes.npos) return std::nullopt;
        const std::size_t size = std::stoul(std::string(bytes.substr(0, line_end)), nullptr, 16);
        bytes.remove_prefix(line_end + 2);
        if (bytes.size() < size + 2 || bytes.substr(size, 2) != "\r\n") return std::nullopt;
        body += bytes.substr(0, size);
        bytes.remove_prefix(size + 2);
        if (size == 0) return bytes.empty() ? std::optional(body) : std::nullopt;
    }
}

}  // namespace signalbox::test
