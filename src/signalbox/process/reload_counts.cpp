#include "signalbox/process/reload_counts.hpp"

#include <fmt/format.h>

#include <charconv>
#include <system_error>

namespace signalbox::process {

namespace {

bool parse_number(std::string_view text, std::uint64_t& number) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    return error == std::errc() && end == text.data() + text.size();
}

}  // namespace

std::string ReloadCounts::text() const {
    return fmt::format("{}:{}", taken_over, failed);
}

std::optional<ReloadCounts> ReloadCounts::parse(std::string_view text) {
    const auto colon = text.find(':');
    ReloadCounts counts;
    if (colon == std::string_view::npos ||
        !parse_number(text.substr(0, colon), counts.taken_over) ||
        !parse_number(text.substr(colon + 1), counts.failed)) {
        return std::nullopt;
    }
    return counts;
}

}  // namespace signalbox::process
