#include "signalbox/db/detail/timestamp.hpp"

#include <cstddef>
#include <optional>

#include "signalbox/json.hpp"

namespace signalbox::db {

namespace {

constexpr bool digit(char c) {
    return c >= '0' && c <= '9';
}

// Whether `text` starts as `form` says, where 0 stands for any digit.
constexpr bool starts_like(std::string_view text, std::string_view form) {
    if (text.size() < form.size()) return false;
    for (std::size_t i = 0; i < form.size(); ++i) {
        if (form[i] == '0' ? !digit(text[i]) : text[i] != form[i]) return false;
    }
    return true;
}

constexpr std::size_t digits_at_start(std::string_view text) {
    std::size_t count = 0;
    while (count < text.size() && digit(text[count]))
        ++count;
    return count;
}

// `+00`, `+05:30` or `+05:53:28`, or nothing.
constexpr bool offset(std::string_view text) {
    if (text.empty()) return true;
    if (text.front() != '+' && text.front() != '-') return false;
    text.remove_prefix(1);
    return (text.size() == 2 && starts_like(text, "00")) ||
           (text.size() == 5 && starts_like(text, "00:00")) ||
           (text.size() == 8 && starts_like(text, "00:00:00"));
}

constexpr std::string_view form = "0000-00-00 00:00:00";
constexpr std::size_t precision = 6;

/// What stands behind `form`.
struct Rest {
    std::string_view fraction;  ///< without its point
    std::string_view offset;
};

/// Nothing when the text is no time of ours.
std::optional<Rest> rest_of(std::string_view text) {
    if (!starts_like(text, form)) return std::nullopt;
    Rest rest{.fraction = {}, .offset = text.substr(form.size())};
    if (rest.offset.starts_with('.')) {
        rest.fraction = rest.offset.substr(1, digits_at_start(rest.offset.substr(1)));
        rest.offset.remove_prefix(1 + rest.fraction.size());
    }
    if (rest.fraction.size() > precision || !offset(rest.offset)) return std::nullopt;
    return rest;
}

}  // namespace

void append_timestamp(std::string& json, std::string_view text) {
    const auto rest = rest_of(text);
    if (!rest) return append_json_string(json, text);

    // Together first: one append instead of nine, a third of the time.
    constexpr std::string_view pattern = R"("0000-00-00T00:00:00.000000)";
    char result[pattern.size() + sizeof R"(+00:00:00")"];
    pattern.copy(result, pattern.size());
    text.copy(result + 1, 10);
    text.copy(result + 12, 8, 11);
    rest->fraction.copy(result + 21, rest->fraction.size());
    char* end = result + pattern.size();
    end += rest->offset.copy(end, rest->offset.size());
    if (rest->offset.size() == 3) end += std::string_view{":00"}.copy(end, 3);
    *end++ = '"';
    json.append(result, end);
}

bool append_date_time(std::string& json, std::string_view text) {
    const auto rest = rest_of(text);
    // RFC 3339 has no offset with seconds.
    if (!rest || rest->offset.size() > std::string_view("+00:00").size()) return false;
    // PostgreSQL writes no zeros at the end of a fraction, and so no fraction of zeros.
    constexpr std::string_view pattern = R"("0000-00-00T00:00:00.000000)";
    char result[pattern.size() + sizeof R"(+00:00")"];
    pattern.copy(result, pattern.size());
    text.copy(result + 1, 10);
    text.copy(result + 12, 8, 11);
    rest->fraction.copy(result + 21, rest->fraction.size());
    char* end = result + (rest->fraction.empty() ? 20 : pattern.size());
    if (rest->offset == "+00") {
        *end++ = 'Z';
    } else {
        end += rest->offset.copy(end, rest->offset.size());
        if (rest->offset.size() == 3) end += std::string_view{":00"}.copy(end, 3);
    }
    *end++ = '"';
    json.append(result, end);
    return true;
}

}  // namespace signalbox::db
