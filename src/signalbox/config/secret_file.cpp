#include "signalbox/config/secret_file.hpp"

#include <cstddef>
#include <string_view>

#include "signalbox/ascii.hpp"
#include "signalbox/process/read_file.hpp"

namespace signalbox::config {

/// No secret is that long: the path names another file.
constexpr std::size_t longest_secret = 64 * 1024;

Parsed<std::string> read_secret(const std::filesystem::path& file) {
    constexpr std::string_view space = " \t\r\n";
    auto content = process::read_file(file, longest_secret);
    if (!content) return content;
    const std::string_view secret = trim(*content, space);
    if (secret.empty()) return Invalid{file.string() + " is empty"};
    return std::string(secret);
}

}  // namespace signalbox::config
