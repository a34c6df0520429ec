#include "signalbox/http/wire/accept_encoding.hpp"

#include <algorithm>
#include <cctype>
#include <optional>

#include "signalbox/http/wire/head.hpp"

namespace signalbox::http {

namespace {

std::string_view trim(std::string_view text) {
    constexpr std::string_view space = " \t";
    const std::size_t first = text.find_first_not_of(space);
    if (first == std::string_view::npos) return {};
    return text.substr(first, text.find_last_not_of(space) + 1 - first);
}

bool is(std::string_view text, std::string_view lower_case) {
    return std::ranges::equal(text, lower_case, [](unsigned char one, unsigned char other) {
        return std::tolower(one) == other;
    });
}

/// `q=0`, `q=0.000`: not acceptable.
bool is_refused(std::string_view weight) {
    weight = trim(weight);
    if (weight.size() < 2 || !is(weight.substr(0, 2), "q=")) return false;
    const std::string_view number = weight.substr(2);
    return !number.empty() && number.find_first_not_of("0.") == std::string_view::npos;
}

}  // namespace

bool accepts_gzip(std::string_view accept_encoding) {
    std::optional<bool> gzip, any;
    for (const std::string_view element : list_elements(accept_encoding)) {
        const std::size_t semicolon = std::min(element.find(';'), element.size());
        const std::string_view coding = trim(element.substr(0, semicolon));
        const bool accepted =
            semicolon == element.size() || !is_refused(element.substr(semicolon + 1));
        if (is(coding, "gzip") || is(coding, "x-gzip")) gzip = accepted;
        if (coding == "*") any = accepted;
    }
    return gzip.value_or(any.value_or(false));
}

}  // namespace signalbox::http
