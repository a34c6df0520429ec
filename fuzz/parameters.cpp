// Texts of parameters: a number, a boolean or a list of them is what a reader written from the
// rules makes of it; what has a normal form is written in it, and read from it again.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <regex>
#include <string>
#include <vector>

#include "reference/utf8.hpp"
#include "signalbox/model/reader.hpp"
#include "signalbox/model/scalars.hpp"
#include "signalbox/model/type.hpp"
#include "target.hpp"

namespace signalbox::fuzz {
namespace {

__extension__ using Wide = __int128;

/// Regular expressions of the standard library recurse: not for what is long.
constexpr std::size_t longest_for_expressions = 200;

template <class T>
std::optional<T> read(std::string_view text) {
    T value{};
    model::ValidationErrors errors;
    model::read_text(text, model::type_of<T>, &value, {.name = "query"}, errors);
    require(errors.list().size() <= 1, "a text has one error");
    for (const model::ValidationError& error : errors.list()) {
        require(reference_utf8(error.input_json) == error.input_json &&
                    error.input_json.size() <= 6 * model::longest_input + 100,
                "an error tells the text, in UTF-8 and not too much of it");
    }
    if (!errors.empty()) return std::nullopt;
    return value;
}

std::string without(std::string text, char c) {
    text.erase(std::remove(text.begin(), text.end(), c), text.end());
    return text;
}

/// ASCII only: what stands around is trimmed by the expression.
bool matches(std::string_view text, std::string& number, const char* expression) {
    const std::regex compiled(std::string("[ \\t\\n\\r\\f\\v]*(") + expression +
                              ")[ \\t\\n\\r\\f\\v]*");
    const std::string all(text);
    std::smatch found;
    if (!std::regex_match(all, found, compiled)) return false;
    number = found[1].str();
    return true;
}

bool is_plain(std::string_view text) {
    return text.size() <= longest_for_expressions &&
           std::all_of(text.begin(), text.end(),
                       [](char c) { return static_cast<unsigned char>(c) < 0x80 && c != '\0'; });
}

void check_integer(std::string_view text) {
    const auto found = read<std::int64_t>(text);
    std::optional<std::int64_t> expected;
    std::string number;
    if (matches(text, number, "[+-]?[0-9]+(?:_[0-9]+)*(?:\\.0+)?")) {
        const std::string digits = without(number.substr(0, number.find('.')), '_');
        Wide value = 0;
        bool small = true;
        for (const char c : digits) {
            if (c == '+' || c == '-') continue;
            value = value * 10 + (c - '0');
            small = small && value <= Wide{1} << 100;
            if (!small) value = Wide{1} << 100;
        }
        if (digits.starts_with('-')) value = -value;
        if (value >= INT64_MIN && value <= INT64_MAX) expected = static_cast<std::int64_t>(value);
    }
    require(found == expected, "an integer is what its digits say");
}

void check_floating(std::string_view text) {
    const auto found = read<double>(text);
    std::optional<double> expected;
    std::string number;
    if (matches(text, number,
                "[+-]?(?:[0-9]+(?:_[0-9]+)*\\.?(?:[0-9]+(?:_[0-9]+)*)?|\\.[0-9]+(?:_[0-9]+)*)"
                "(?:[eE][+-]?[0-9]+(?:_[0-9]+)*)?")) {
        const double value = std::strtod(without(number, '_').c_str(), nullptr);
        if (std::isfinite(value)) expected = value;
    }
    require(found == expected, "a floating-point number is what strtod reads");
    if (!found) return;
    const std::string json = model::to_json(*found);
    require(std::strtod(json.c_str(), nullptr) == *found, "a number is written without a loss");
}

void check_boolean(std::string_view text) {
    std::string lower(text);
    std::transform(lower.begin(), lower.end(), lower.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    std::optional<bool> expected;
    for (const char* yes : {"1", "t", "y", "true", "yes", "on"})
        if (lower == yes) expected = true;
    for (const char* no : {"0", "f", "n", "false", "no", "off"})
        if (lower == no) expected = false;
    require(read<bool>(text) == expected, "a boolean is one of twelve words");
}

void check_list(std::string_view text) {
    std::vector<std::string_view> texts;
    for (std::size_t begin = 0; begin <= text.size();) {
        const auto end = std::min(text.find(',', begin), text.size());
        texts.push_back(text.substr(begin, end - begin));
        begin = end + 1;
    }
    std::vector<int> numbers;
    model::ValidationErrors errors;
    model::read_texts(texts, model::type_of<std::vector<int>>, &numbers, {.name = "query"}, errors);
    if (errors.full()) return;
    std::size_t unfit = 0;
    for (std::size_t i = 0; i < texts.size(); ++i) {
        const auto one = read<int>(texts[i]);
        if (!one) {
            ++unfit;
        } else {
            require(numbers.at(i) == *one, "an item is read as it is alone");
        }
    }
    require(errors.list().size() == unfit, "each unfit item has its error");
}

/// Reads a text, writes what it is, and reads that: it has to be the same.
template <class T, class Write>
void check_round_trip(std::string_view text, Write write) {
    const auto value = read<T>(text);
    if (!value) return;
    const std::string normal = write(*value);
    require(reference_utf8(normal) == normal, "what is written is UTF-8");
    const auto again = read<T>(normal);
    require(again.has_value(), "what is written can be read");
    require_same(write(*again), normal, "what is written is in the normal form");
}

void check(std::string_view text) {
    if (is_plain(text)) {
        check_integer(text);
        check_floating(text);
    }
    check_boolean(text);
    check_list(text);
    check_round_trip<model::Decimal>(text, [](const auto& value) { return value.text(); });
    check_round_trip<model::Uuid>(text, [](const auto& value) { return value.text(); });
    check_round_trip<model::DateTime>(text, [](const auto& value) { return value.text(); });
    check_round_trip<std::chrono::year_month_day>(text, model::date_text);
    check_round_trip<std::chrono::microseconds>(text, model::duration_text);
    // These are read from UTF-8: who takes a parameter has made it so.
    if (reference_utf8(text) != text) return;
    check_round_trip<model::Email>(text, [](const auto& value) { return *value; });
    check_round_trip<model::Url>(text, [](const auto& value) { return *value; });
}

}  // namespace
}  // namespace signalbox::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    signalbox::fuzz::check(signalbox::fuzz::as_text(data, size));
    return 0;
}
