#include "signalbox/config/secret_file.hpp"

#include <cstddef>
#include <string_view>

#include "signalbox/process/read_file.hpp"

namespace signalbox::config {

/// No secret is that long: the path names another file.
constexpr std::size_t longest_secret = 64 * 1024;

Parsed<std::string> read_secret(const std::filesystem::path& file) {
    constexpr std::string_view space = " \t\r\n";
    const auto content = process::read_file(file, longest_secret);
    if (!content) return content;
    const auto first = content->find_first_not_of(space);
    if (first == std::string::npos) return Invalid{file.string() + " is empty"};
    return content->substr(first, content->find_last_not_of(space) - first + 1);
}

}  // namespace signalbox::config
