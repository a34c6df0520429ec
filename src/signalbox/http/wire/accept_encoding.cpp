#include "signalbox/http/wire/accept_encoding.hpp"

#include <algorithm>
#include <optional>

#include "signalbox/ascii.hpp"
#include "signalbox/http/wire/head.hpp"

namespace signalbox::http {

namespace {

bool is(std::string_view text, std::string_view lower_case) {
    return std::ranges::equal(text, lower_case,
                              [](char one, char other) { return to_lower(one) == other; });
}

/// In thousandths (RFC 9110, section 12.4.2). What is none counts as 1.
int weight_of(std::string_view parameter) {
    constexpr int most = 1000;
    parameter = trim(parameter);
    if (parameter.size() < 3 || !is(parameter.substr(0, 2), "q=")) return most;
    parameter.remove_prefix(2);
    if (parameter.front() != '0' || (parameter.size() > 1 && parameter[1] != '.')) return most;
    int weight = 0;
    int unit = most;
    for (const char c : parameter.substr(std::min<std::size_t>(2, parameter.size()))) {
        if (!is_digit(c)) return most;
        weight += (c - '0') * (unit /= 10);
    }
    return weight;
}

/// Of a coding with this name; nothing when the client does not mention it.
std::optional<int> weight_in(std::string_view accept_encoding, std::string_view wanted) {
    std::optional<int> weight;
    for (const std::string_view element : list_elements(accept_encoding)) {
        const std::size_t semicolon = std::min(element.find(';'), element.size());
        const std::string_view coding = trim(element.substr(0, semicolon));
        if (!is(coding, wanted) && !(wanted == "gzip" && is(coding, "x-gzip"))) continue;
        weight = semicolon == element.size() ? 1000 : weight_of(element.substr(semicolon + 1));
    }
    return weight;
}

}  // namespace

bool accepts_gzip(std::string_view accept_encoding) {
    const auto weight = weight_in(accept_encoding, "gzip");
    return weight.value_or(weight_in(accept_encoding, "*").value_or(0)) > 0;
}

std::string_view preferred_coding(std::string_view accept_encoding,
                                  std::span<const std::string_view> codings) {
    if (accept_encoding.empty()) return {};
    const int of_others = weight_in(accept_encoding, "*").value_or(0);
    std::string_view best;
    int most = 0;
    for (const std::string_view coding : codings) {
        const int weight = weight_in(accept_encoding, coding).value_or(of_others);
        if (weight <= most) continue;
        best = coding;
        most = weight;
    }
    return weight_in(accept_encoding, "identity").value_or(0) > most ? std::string_view() : best;
}

}  // namespace signalbox::http
