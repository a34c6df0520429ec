#include "signalbox/model/reader.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <utility>
#include <variant>

#include "signalbox/ascii.hpp"
#include "signalbox/fast/json_string.hpp"
#include "signalbox/fast/json_writer.hpp"
#include "signalbox/model/json_tree.hpp"
#include "signalbox/utf8.hpp"

namespace signalbox::model {

namespace {

using Kind = Type::Kind;

/// How deep models can hold each other, as a tree's nodes do: each level takes some stack.
constexpr int deepest_model = 250;

const char* plural(std::size_t n) {
    return n == 1 ? "" : "s";
}

/// Unicode's white space.
constexpr std::array<std::string_view, 25> blanks{" ",
                                                  "\t",
                                                  "\n",
                                                  "\r",
                                                  "\f",
                                                  "\v",
                                                  "\xC2\x85",
                                                  "\xC2\xA0",
                                                  "\xE1\x9A\x80",
                                                  "\xE2\x80\x80",
                                                  "\xE2\x80\x81",
                                                  "\xE2\x80\x82",
                                                  "\xE2\x80\x83",
                                                  "\xE2\x80\x84",
                                                  "\xE2\x80\x85",
                                                  "\xE2\x80\x86",
                                                  "\xE2\x80\x87",
                                                  "\xE2\x80\x88",
                                                  "\xE2\x80\x89",
                                                  "\xE2\x80\x8A",
                                                  "\xE2\x80\xA8",
                                                  "\xE2\x80\xA9",
                                                  "\xE2\x80\xAF",
                                                  "\xE2\x81\x9F",
                                                  "\xE3\x80\x80"};

std::string_view trimmed(std::string_view text) {
    const auto begins = [&text](std::string_view blank) { return text.starts_with(blank); };
    const auto ends = [&text](std::string_view blank) { return text.ends_with(blank); };
    for (auto blank = std::find_if(blanks.begin(), blanks.end(), begins); blank != blanks.end();
         blank = std::find_if(blanks.begin(), blanks.end(), begins)) {
        text.remove_prefix(blank->size());
    }
    for (auto blank = std::find_if(blanks.begin(), blanks.end(), ends); blank != blanks.end();
         blank = std::find_if(blanks.begin(), blanks.end(), ends)) {
        text.remove_suffix(blank->size());
    }
    return text;
}

/// What a program holds in 64 bits, signed or not; or one that is beyond that.
struct Integer {
    bool negative = false;
    std::uint64_t magnitude = 0;
    bool beyond = false;
};

/// Of digits, with a minus sign or without.
Integer integer_of(std::string_view digits) {
    Integer number;
    if (digits.starts_with('-')) {
        number.negative = true;
        digits.remove_prefix(1);
    }
    const auto [end, error] =
        std::from_chars(digits.data(), digits.data() + digits.size(), number.magnitude);
    number.beyond = error == std::errc::result_out_of_range;
    if (number.beyond) number.magnitude = std::numeric_limits<std::uint64_t>::max();
    if (number.magnitude == 0) number.negative = false;
    return number;
}

/// Digits and nothing else, so few that they cannot be too large.
bool is_short_number(std::string_view text) {
    return !text.empty() && text.size() < 18 && is_all_digits(text);
}

std::optional<double> double_of(std::string_view text) {
    double number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (end != text.data() + text.size()) return std::nullopt;
    // Too large is infinity, too small is 0: which, this function says.
    if (error == std::errc::result_out_of_range)
        return std::strtod(std::string(text).c_str(), nullptr);
    if (error != std::errc{}) return std::nullopt;
    return number;
}

/// The digits of a text that Python's int() takes, in the way that pydantic gives it to it: white
/// space around, a sign, underscores between digits, zeros behind a point. Empty: it is none.
std::string integer_digits(std::string_view text) {
    text = trimmed(text);
    std::string digits;
    if (text.starts_with('-') || text.starts_with('+')) {
        if (text.front() == '-') digits = '-';
        text.remove_prefix(1);
    }
    if (const auto point = text.find('.'); point != text.npos && point > 0) {
        if (point + 1 == text.size() || text.find_first_not_of('0', point + 1) != text.npos)
            return {};
        text = text.substr(0, point);
    }
    if (text.empty() || text.front() == '_' || text.back() == '_') return {};
    bool underscore = false;
    for (const char c : text) {
        if (c == '_' && underscore) return {};
        underscore = c == '_';
        if (underscore) continue;
        if (!is_digit(c)) return {};
        digits += c;
    }
    return digits;
}

std::optional<double> parse_double(std::string_view text) {
    text = trimmed(text);
    if (text.starts_with('+')) text.remove_prefix(1);
    if (text.starts_with('+') || text.starts_with("-+")) return std::nullopt;
    std::string digits;
    bool digit = false;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        if (c == '_') {
            const bool between = digit && i + 1 < text.size() && is_digit(text[i + 1]);
            if (!between) return std::nullopt;
            continue;
        }
        digit = is_digit(c);
        digits += c;
    }
    const bool negative = digits.starts_with('-');
    const std::string word = to_lower(std::string_view(digits).substr(negative ? 1 : 0));
    if (word == "inf" || word == "infinity") return negative ? -HUGE_VAL : HUGE_VAL;
    if (word == "nan") return std::nan("");
    if (word.starts_with("inf") || word.starts_with("nan")) return std::nullopt;
    return double_of(digits);
}

std::optional<bool> parse_boolean(std::string_view text) {
    std::string lower(text.substr(0, 6));
    for (char& c : lower)
        c = to_lower(c);
    if (text.size() > 5) return std::nullopt;
    for (const char* yes : {"1", "true", "t", "yes", "y", "on"})
        if (lower == yes) return true;
    for (const char* no : {"0", "false", "f", "no", "n", "off"})
        if (lower == no) return false;
    return std::nullopt;
}

std::string text_of(const Number& number) {
    if (number.kind == Number::Kind::integer) return std::to_string(number.integer);
    std::string text;
    JsonWriter(text).value(number.floating);
    // As Python writes a float.
    if (text.find_first_of(".en") == text.npos) text += ".0";
    return text;
}

double double_of(const Number& number) {
    return number.kind == Number::Kind::integer ? static_cast<double>(number.integer)
                                                : number.floating;
}

/// -1, 0 or 1 as the number is less than, equal to or greater than the bound.
int compare(const Integer& number, const Number& bound) {
    if (number.beyond) return number.negative ? -1 : 1;
    if (bound.kind == Number::Kind::floating) {
        const double value = (number.negative ? -1.0 : 1.0) * static_cast<double>(number.magnitude);
        return value < bound.floating ? -1 : value > bound.floating ? 1 : 0;
    }
    const bool negative = bound.integer < 0;
    const auto magnitude = negative ? std::uint64_t{0} - static_cast<std::uint64_t>(bound.integer)
                                    : static_cast<std::uint64_t>(bound.integer);
    if (number.negative != negative) return number.negative ? -1 : 1;
    if (number.magnitude == magnitude) return 0;
    return (number.magnitude < magnitude) != negative ? -1 : 1;
}
int compare(double number, const Number& bound) {
    const double other = double_of(bound);
    return number < other ? -1 : number > other ? 1 : 0;
}
int compare(const Decimal& number, const Number& bound);

bool is_multiple(const Integer& number, const Number& of) {
    if (number.beyond) return true;  // it is refused for its size
    if (of.kind == Number::Kind::floating) {
        return std::fmod(static_cast<double>(number.magnitude), of.floating) == 0;
    }
    return number.magnitude % static_cast<std::uint64_t>(std::abs(of.integer)) == 0;
}
/// As pydantic does it: a rounding error of the division is no remainder.
bool is_multiple(double number, const Number& of) {
    const double divisor = double_of(of);
    const double remainder = std::fmod(number, divisor);
    const double threshold = number / 1e9;
    return std::abs(remainder) <= std::abs(threshold) ||
           std::abs(std::abs(remainder) - std::abs(divisor)) <= std::abs(threshold);
}
bool is_multiple(const Decimal&, const Number&) {
    return true;  // refused when compiled
}

int compare(const Decimal& number, const Number& bound) {
    const auto one = decimal_parts(number.text());
    const auto other = decimal_parts(text_of(bound));
    if (!one || !other) return 0;
    const auto sign = [](const DecimalParts& parts) {
        return parts.digits.empty() ? 0 : parts.negative ? -1 : 1;
    };
    if (sign(*one) != sign(*other)) return sign(*one) < sign(*other) ? -1 : 1;
    if (sign(*one) == 0) return 0;
    const auto scale = [](const DecimalParts& parts) {
        return static_cast<long>(parts.digits.size()) + parts.exponent;
    };
    int larger = 0;
    if (scale(*one) != scale(*other)) {
        larger = scale(*one) < scale(*other) ? -1 : 1;
    } else {
        std::string a = one->digits, b = other->digits;
        a.resize(std::max(a.size(), b.size()), '0');
        b.resize(a.size(), '0');
        larger = a.compare(b) < 0 ? -1 : a == b ? 0 : 1;
    }
    return one->negative ? -larger : larger;
}

std::string joined(std::span<const std::string_view> choices, std::string_view last,
                   std::string_view quote = "'") {
    std::string text;
    for (std::size_t i = 0; i < choices.size(); ++i) {
        if (i > 0) text += i + 1 == choices.size() ? last : ", ";
        text.append(quote).append(choices[i]).append(quote);
    }
    return text;
}

/// For people: shortest digits, and never an exponent.
std::string digits_of(const Number& number) {
    if (number.kind == Number::Kind::integer) return std::to_string(number.integer);
    std::array<char, 400> text;
    const auto [end, error] = std::to_chars(text.data(), text.data() + text.size(), number.floating,
                                            std::chars_format::fixed);
    return error == std::errc{} ? std::string(text.data(), end) : "";
}

/// `{"key": <json>}`
std::string ctx(std::string_view key, std::string_view json) {
    std::string text;
    JsonWriter(text).begin_object().key(key).verbatim(json).end_object();
    return text;
}

bool fits_signed(const Integer& number) {
    constexpr std::uint64_t highest = std::numeric_limits<std::int64_t>::max();
    return !number.beyond && number.magnitude <= highest + (number.negative ? 1 : 0);
}

class Reader {
  public:
    explicit Reader(ValidationErrors& errors, std::span<const void* const> files = {})
        : errors_(errors), files_(files) {}

    void read(const JsonNode& node, const Type& type, void* target, const Location& at) {
        if (errors_.full()) return;
        if (type.is_field()) target = type.set(target);
        switch (type.kind) {
            case Kind::boolean:
                return boolean(node, target, at);
            case Kind::integer:
                return integer(node, type, target, at);
            case Kind::number:
                return number(node, type, target, at);
            case Kind::string:
                return string(node, type, target, at);
            case Kind::decimal:
                return decimal(node, type, target, at);
            case Kind::uuid:
                return parsed<Uuid>(node, target, at, read_uuid, words_of_uuid);
            case Kind::bytes:
                return bytes(node, target, at);
            case Kind::date_time:
                return date_time(node, target, at);
            case Kind::date:
                return date(node, target, at);
            case Kind::duration:
                return duration(node, target, at);
            case Kind::choice:
                return choice(node, type, target, at, "enum");
            case Kind::literal:
                return choice(node, type, target, at, "literal_error");
            case Kind::json:
                detail::as<JsonText>(target) = JsonText(json_of(node));
                return;
            case Kind::file:
                return file(node, type, target, at);
            case Kind::list:
                return list(node, type, target, at);
            case Kind::map:
                return map(node, type, target, at);
            case Kind::object:
                return object(node, type, target, at);
            case Kind::nullable:
                if (node.kind == JsonNode::Kind::null) return type.clear(target);
                return read(node, *type.inner, type.add(target), at);
            case Kind::variant:
                return variant(node, type, target, at);
        }
    }

    /// Of all lists and maps that were made, in bytes.
    std::size_t size_of_items() const noexcept { return size_of_items_; }

    void check_length(const Type& type, std::size_t size, const JsonNode& node,
                      const Location& at) {
        const Rules& rules = type.rules;
        const bool too_short = size < rules.min_length;
        if (!too_short && size <= rules.max_length) return;
        const std::size_t bound = too_short ? rules.min_length : rules.max_length;
        const std::string_view what = type.kind == Kind::list ? "List" : "Dictionary";
        std::string context;
        JsonWriter(context)
            .begin_object()
            .key<"field_type">()
            .value(what)
            .key(too_short ? "min_length" : "max_length")
            .value(bound)
            .key<"actual_length">()
            .value(size)
            .end_object();
        add(too_short ? "too_short" : "too_long", at,
            fmt::format("{} should have at {} {} item{} after validation, not {}", what,
                        too_short ? "least" : "most", bound, plural(bound), size),
            node, std::move(context));
    }

  private:
    struct Words {
        std::string_view type_error, type_message;    ///< it is no string
        std::string_view parse_error, parse_message;  ///< it is one, but
    };
    static constexpr Words words_of_uuid{"uuid_type",
                                         "UUID input should be a string, bytes or UUID object",
                                         "uuid_parsing", "Input should be a valid UUID, "};

    void add(std::string_view type, const Location& at, std::string_view message,
             const JsonNode& input, std::string context = {}) {
        errors_.add(type, at, message, excerpt(input, longest_input), std::move(context));
    }

    template <class T>
    bool keeps_bounds(const T& number, const Type& type, const JsonNode& node, const Location& at) {
        const Rules& rules = type.rules;
        if (!rules.has_bounds()) return true;
        const auto fails = [&](const Number& bound, bool kept, std::string_view key,
                               std::string_view error, std::string_view words) {
            if (kept) return false;
            add(error, at, fmt::format("Input should be {} {}", words, digits_of(bound)), node,
                ctx(key, text_of(type.kind == Kind::number ? Number(double_of(bound)) : bound)));
            return true;
        };
        bool ordered = true;  // NaN is not
        if constexpr (std::is_same_v<T, double>) ordered = !std::isnan(number);
        return !(
            (rules.multiple_of && fails(rules.multiple_of, is_multiple(number, rules.multiple_of),
                                        "multiple_of", "multiple_of", "a multiple of")) ||
            (rules.le && fails(rules.le, ordered && compare(number, rules.le) <= 0, "le",
                               "less_than_equal", "less than or equal to")) ||
            (rules.lt && fails(rules.lt, ordered && compare(number, rules.lt) < 0, "lt",
                               "less_than", "less than")) ||
            (rules.ge && fails(rules.ge, ordered && compare(number, rules.ge) >= 0, "ge",
                               "greater_than_equal", "greater than or equal to")) ||
            (rules.gt && fails(rules.gt, ordered && compare(number, rules.gt) > 0, "gt",
                               "greater_than", "greater than")));
    }

    void boolean(const JsonNode& node, void* target, const Location& at) {
        bool& truth = detail::as<bool>(target);
        switch (node.kind) {
            case JsonNode::Kind::boolean:
                truth = node.truth;
                return;
            case JsonNode::Kind::number: {
                const auto number = double_of(node.text);
                if (number == 0.0 || number == 1.0) {
                    truth = number == 1.0;
                    return;
                }
                // A float that is neither is not even tried, nor is a large integer.
                if (node.text.find_first_of(".eE") != node.text.npos ||
                    !fits_signed(integer_of(node.text)))
                    break;
                return add("bool_parsing", at,
                           "Input should be a valid boolean, unable to interpret input", node);
            }
            case JsonNode::Kind::string:
                if (const auto parsed_truth = parse_boolean(node.text)) {
                    truth = *parsed_truth;
                    return;
                }
                return add("bool_parsing", at,
                           "Input should be a valid boolean, unable to interpret input", node);
            default:
                break;
        }
        add("bool_type", at, "Input should be a valid boolean", node);
    }

    struct Fault {
        std::string_view type, message;
    };
    static constexpr Fault integer_type{"int_type", "Input should be a valid integer"};
    static constexpr Fault integer_size{
        "int_parsing_size", "Unable to parse input string as an integer, exceeded maximum size"};

    /// An integer as it is read in any form that is one, or what is wrong with it.
    static std::variant<Integer, Fault> integer_from(const JsonNode& node) {
        switch (node.kind) {
            case JsonNode::Kind::boolean:
                return Integer{.magnitude = node.truth ? 1U : 0U};
            case JsonNode::Kind::number: {
                if (node.text.find_first_of(".eE") == node.text.npos) return integer_of(node.text);
                const double number = double_of(node.text).value_or(HUGE_VAL);
                if (!std::isfinite(number))
                    return Fault{"finite_number", "Input should be a finite number"};
                if (std::trunc(number) != number) {
                    return Fault{
                        "int_from_float",
                        "Input should be a valid integer, got a number with a fractional part"};
                }
                constexpr double beyond = 9223372036854775808.0;  // 2 to the 63rd
                if (std::abs(number) >= beyond) return integer_size;
                return Integer{.negative = number < 0,
                               .magnitude = static_cast<std::uint64_t>(std::abs(number))};
            }
            case JsonNode::Kind::string: {
                // As most are written.
                if (is_short_number(node.text)) return integer_of(node.text);
                constexpr std::size_t most_digits = 4300;  // Python's
                const std::string digits = integer_digits(node.text);
                if (digits.empty() || digits == "-") {
                    return Fault{
                        "int_parsing",
                        "Input should be a valid integer, unable to parse string as an integer"};
                }
                if (digits.size() > most_digits) return integer_size;
                return integer_of(digits);
            }
            default:
                return integer_type;
        }
    }

    void integer(const JsonNode& node, const Type& type, void* target, const Location& at) {
        const auto read = integer_from(node);
        if (const auto* fault = std::get_if<Fault>(&read))
            return add(fault->type, at, fault->message, node);
        const Integer& number = std::get<Integer>(read);
        if (!keeps_bounds(number, type, node, at)) return;
        store(number, type, target, node, at);
    }

    /// What the program's type cannot hold is a bound as well.
    void store(const Integer& number, const Type& type, void* target, const JsonNode& node,
               const Location& at) {
        const int bits = type.size * 8;
        const std::uint64_t highest =
            type.is_signed ? (std::uint64_t{1} << (bits - 1)) - 1
                           : (bits == 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << bits) - 1);
        if (number.negative &&
            (number.beyond || number.magnitude > (type.is_signed ? highest + 1 : 0))) {
            const std::string lowest =
                type.is_signed ? '-' + std::to_string(highest + 1) : std::string("0");
            return add("greater_than_equal", at,
                       "Input should be greater than or equal to " + lowest, node,
                       ctx("ge", lowest));
        }
        if (!number.negative && (number.beyond || number.magnitude > highest)) {
            const std::string bound = std::to_string(highest);
            return add("less_than_equal", at, "Input should be less than or equal to " + bound,
                       node, ctx("le", bound));
        }
        const std::uint64_t value =
            number.negative ? std::uint64_t{0} - number.magnitude : number.magnitude;
        // Little-endian, as all that Debian builds this for but s390x; see the assertion.
        std::memcpy(target, &value, type.size);
    }

    void number(const JsonNode& node, const Type& type, void* target, const Location& at) {
        std::optional<double> number;
        switch (node.kind) {
            case JsonNode::Kind::boolean:
                number = node.truth ? 1 : 0;
                break;
            case JsonNode::Kind::number:
                number = double_of(node.text).value_or(HUGE_VAL);
                break;
            case JsonNode::Kind::string:
                number = parse_double(node.text);
                if (!number) {
                    return add("float_parsing", at,
                               "Input should be a valid number, unable to parse string as a number",
                               node);
                }
                break;
            default:
                return add("float_type", at, "Input should be a valid number", node);
        }
        if (type.size == sizeof(float)) number = static_cast<float>(*number);
        if (!keeps_bounds(*number, type, node, at)) return;
        // JSON has no way to give it back.
        if (!std::isfinite(*number))
            return add("finite_number", at, "Input should be a finite number", node);
        if (type.size == sizeof(float)) {
            detail::as<float>(target) = static_cast<float>(*number);
        } else {
            detail::as<double>(target) = *number;
        }
    }

    void decimal(const JsonNode& node, const Type& type, void* target, const Location& at) {
        std::string_view text;
        if (node.kind == JsonNode::Kind::number) {
            text = node.text;
        } else if (node.kind == JsonNode::Kind::string) {
            text = trimmed(node.text);
        } else {
            return add("decimal_type", at,
                       "Decimal input should be an integer, float, string or Decimal object", node);
        }
        std::string plain;
        for (const char c : text) {
            if (c != '_') plain += c;
        }
        const auto parts = decimal_parts(plain);
        if (!parts) {
            const auto first = std::min(plain.find_first_not_of("+-"), plain.size());
            const std::string word = to_lower(std::string_view(plain).substr(first));
            if (word == "nan" || word == "snan" || word == "inf" || word == "infinity")
                return add("finite_number", at, "Input should be a finite number", node);
            return add("decimal_parsing", at, "Input should be a valid decimal", node);
        }
        const Rules& rules = type.rules;
        DecimalParts counted = *parts;  // without the zeros at the end of its fraction
        while (counted.exponent < 0 && counted.digits.ends_with('0')) {
            counted.digits.pop_back();
            ++counted.exponent;
        }
        if (counted.digits.empty()) counted.exponent = 0;
        const auto size = counted.digits.size();
        const std::size_t places =
            counted.exponent < 0 ? static_cast<std::size_t>(-counted.exponent) : 0;
        // Zeros in front count where they stand behind the point.
        const std::size_t all =
            counted.exponent < 0
                ? std::max(size, places)
                : (size == 0 ? 1 : size + static_cast<std::size_t>(counted.exponent));
        if (rules.max_digits != 0 && all > rules.max_digits) {
            return add("decimal_max_digits", at,
                       fmt::format("Decimal input should have no more than {} digit{} in total",
                                   rules.max_digits, plural(rules.max_digits)),
                       node, ctx("max_digits", std::to_string(rules.max_digits)));
        }
        if (places > rules.decimal_places) {
            return add("decimal_max_places", at,
                       fmt::format("Decimal input should have no more than {} decimal place{}",
                                   rules.decimal_places, plural(rules.decimal_places)),
                       node, ctx("decimal_places", std::to_string(rules.decimal_places)));
        }
        if (rules.max_digits != 0 &&
            rules.decimal_places != std::numeric_limits<std::size_t>::max() &&
            rules.max_digits >= rules.decimal_places &&
            all - places > rules.max_digits - rules.decimal_places) {
            const std::size_t whole = rules.max_digits - rules.decimal_places;
            return add(
                "decimal_whole_digits", at,
                fmt::format(
                    "Decimal input should have no more than {} digit{} before the decimal point",
                    whole, plural(whole)),
                node, ctx("whole_digits", std::to_string(whole)));
        }
        const Decimal number(plain);
        if (!keeps_bounds(number, type, node, at)) return;
        detail::as<Decimal>(target) = number;
    }

    void string(const JsonNode& node, const Type& type, void* target, const Location& at) {
        if (node.kind != JsonNode::Kind::string) {
            return type.rules.format == Format::url
                       ? add("url_type", at, "URL input should be a string or URL", node)
                       : add("string_type", at, "Input should be a valid string", node);
        }
        const std::string_view text = node.text;
        std::string& value = detail::as<std::string>(target);
        const Rules& rules = type.rules;
        if (rules.format != Format::none) {
            auto read = rules.format == Format::email ? read_email(text) : read_url(text);
            if (!read.value) {
                return rules.format == Format::email ? bad_email(read.fault, node, at)
                                                     : bad_url(read.fault, node, at);
            }
            value = std::move(*read.value);
        } else {
            value = text;
        }
        if (rules.has_length()) {
            const std::size_t size = count_characters(text);
            const bool too_short = size < rules.min_length;
            if (too_short || size > rules.max_length) {
                const std::size_t bound = too_short ? rules.min_length : rules.max_length;
                return add(too_short ? "string_too_short" : "string_too_long", at,
                           fmt::format("String should have at {} {} character{}",
                                       too_short ? "least" : "most", bound, plural(bound)),
                           node,
                           ctx(too_short ? "min_length" : "max_length", std::to_string(bound)));
            }
        }
        if (rules.pattern != nullptr && !rules.pattern->matches(text)) {
            add("string_pattern_mismatch", at,
                fmt::format("String should match pattern '{}'", rules.pattern->pattern()), node,
                ctx("pattern", json_string(rules.pattern->pattern())));
        }
    }
    void bad_email(std::string_view fault, const JsonNode& node, const Location& at) {
        add("value_error", at, fmt::format("value is not a valid email address: {}", fault), node,
            ctx("reason", json_string(fault)));
    }
    void bad_url(std::string_view fault, const JsonNode& node, const Location& at) {
        if (fault == url_scheme_fault) {
            return add("url_scheme", at, "URL scheme should be 'http' or 'https'", node,
                       ctx("expected_schemes", json_string("'http' or 'https'")));
        }
        if (fault == url_too_long_fault) {
            return add("url_too_long", at,
                       fmt::format("URL should have at most {} characters", longest_url), node,
                       ctx("max_length", std::to_string(longest_url)));
        }
        add("url_parsing", at, fmt::format("Input should be a valid URL, {}", fault), node,
            ctx("error", json_string(fault)));
    }

    template <class T, class Parse>
    void parsed(const JsonNode& node, void* target, const Location& at, Parse parse,
                const Words& words) {
        if (node.kind != JsonNode::Kind::string)
            return add(words.type_error, at, words.type_message, node);
        auto read = parse(node.text);
        if (!read.value) {
            return add(words.parse_error, at, std::string(words.parse_message) + read.fault, node,
                       ctx("error", json_string(read.fault)));
        }
        detail::as<T>(target) = std::move(*read.value);
    }

    void bytes(const JsonNode& node, void* target, const Location& at) {
        if (node.kind != JsonNode::Kind::string)
            return add("bytes_type", at, "Input should be a valid bytes", node);
        auto read = read_bytes(node.text);
        if (!read.value) {
            return add("base64_decode", at, fmt::format("Base64 decoding error: '{}'", read.fault),
                       node, ctx("error", json_string(read.fault)));
        }
        detail::as<Bytes>(target) = std::move(*read.value);
    }

    /// A text, or a number.
    template <class T>
    static std::optional<Read<T>> time_from(const JsonNode& node,
                                            Read<T> (*of_text)(std::string_view),
                                            Read<T> (*of_number)(double)) {
        if (node.kind == JsonNode::Kind::string) return of_text(node.text);
        if (node.kind == JsonNode::Kind::number)
            return of_number(double_of(node.text).value_or(HUGE_VAL));
        return std::nullopt;
    }
    void bad_time(std::string_view error, std::string_view message, const std::string& fault,
                  const JsonNode& node, const Location& at) {
        add(error, at, std::string(message).append(", ").append(fault), node,
            ctx("error", json_string(fault)));
    }

    void date_time(const JsonNode& node, void* target, const Location& at) {
        auto read = time_from<DateTime>(node, read_date_time, read_date_time);
        if (!read) return add("datetime_type", at, "Input should be a valid datetime", node);
        if (read->value) {
            detail::as<DateTime>(target) = *read->value;
        } else if (node.kind == JsonNode::Kind::number || read->fault == year_0_fault) {
            bad_time("datetime_parsing", "Input should be a valid datetime", read->fault, node, at);
        } else {
            bad_time("datetime_from_date_parsing", "Input should be a valid datetime or date",
                     read->fault, node, at);
        }
    }
    void date(const JsonNode& node, void* target, const Location& at) {
        using Date = std::chrono::year_month_day;
        auto read = time_from<Date>(node, read_date, read_date);
        if (!read) return add("date_type", at, "Input should be a valid date", node);
        if (read->value) {
            detail::as<Date>(target) = *read->value;
        } else if (read->fault == inexact_date_fault) {
            add("date_from_datetime_inexact", at, read->fault, node);
        } else if (read->fault == year_0_fault) {
            bad_time("date_parsing", "Input should be a valid date in the format YYYY-MM-DD",
                     read->fault, node, at);
        } else {
            bad_time("date_from_datetime_parsing", "Input should be a valid date or datetime",
                     read->fault, node, at);
        }
    }
    void duration(const JsonNode& node, void* target, const Location& at) {
        using Duration = std::chrono::microseconds;
        auto read = node.kind == JsonNode::Kind::boolean
                        ? read_duration(node.truth ? 1.0 : 0.0)
                        : time_from<Duration>(node, read_duration, read_duration);
        if (!read) return add("time_delta_type", at, "Input should be a valid timedelta", node);
        if (read->value) {
            detail::as<Duration>(target) = *read->value;
        } else {
            bad_time("time_delta_parsing", "Input should be a valid timedelta", read->fault, node,
                     at);
        }
    }

    void choice(const JsonNode& node, const Type& type, void* target, const Location& at,
                std::string_view error) {
        std::string number;
        if (type.numbers) {
            const auto read = integer_from(node);
            if (const auto* integer = std::get_if<Integer>(&read); integer && !integer->beyond)
                number = fmt::format("{}{}", integer->negative ? "-" : "", integer->magnitude);
        }
        if (type.numbers || node.kind == JsonNode::Kind::string) {
            const auto found = std::find(type.choices.begin(), type.choices.end(),
                                         type.numbers ? std::string_view(number) : node.text);
            if (found != type.choices.end()) {
                type.choose(target, static_cast<std::size_t>(found - type.choices.begin()));
                return;
            }
        }
        const std::string expected = joined(type.choices, " or ", type.numbers ? "" : "'");
        add(error, at, "Input should be " + expected, node, ctx("expected", json_string(expected)));
    }

    void file(const JsonNode& node, const Type& type, void* target, const Location& at) {
        if (node.kind == JsonNode::Kind::file) return type.assign(target, files_[node.count]);
        add("value_error", at, "Value error, Expected UploadFile, received: <class 'str'>", node,
            R"({"error":{}})");
    }

    void list(const JsonNode& node, const Type& type, void* target, const Location& at) {
        if (node.kind != JsonNode::Kind::array)
            return add("list_type", at, "Input should be a valid list", node);
        // The bound is checked before as much is made.
        if (node.count > type.rules.max_length) return check_length(type, node.count, node, at);
        // Of many small values a large model would make too much at once.
        type.clear(target);  // there may be a default in it
        type.reserve(target, std::min<std::size_t>(node.count, 16));
        const std::size_t before = errors_.list().size();
        size_of_items_ += std::bit_ceil(node.count) * type.item_size;  // as a vector grows
        const JsonNode* item = JsonTree::first_in(node);
        for (std::uint32_t i = 0; i < node.count && !errors_.full(); ++i) {
            read(*item, *type.inner, type.add(target), {.outer = &at, .index = i});
            item = JsonTree::after(*item);
        }
        // Where an item is wrong, how many there are is not asked.
        if (errors_.list().size() == before) check_length(type, node.count, node, at);
    }

    void map(const JsonNode& node, const Type& type, void* target, const Location& at) {
        if (node.kind != JsonNode::Kind::object)
            return add("dict_type", at, "Input should be a valid dictionary", node);
        // Of a name that is there twice the last one counts, at the place of the first.
        std::vector<std::pair<std::string_view, const JsonNode*>> entries;
        std::map<std::string_view, std::size_t> places;
        const JsonNode* name = JsonTree::first_in(node);
        for (std::uint32_t i = 0; i < node.count; ++i) {
            const JsonNode* const value = JsonTree::after(*name);
            const auto [place, is_new] = places.emplace(name->text, entries.size());
            if (is_new) {
                entries.emplace_back(name->text, value);
            } else {
                entries[place->second].second = value;
            }
            name = JsonTree::after(*value);
        }
        type.clear(target);
        size_of_items_ += entries.size() * type.item_size;
        const std::size_t before = errors_.list().size();
        for (const auto& [key, value] : entries) {
            if (errors_.full()) return;
            read(*value, *type.inner, type.insert(target, key), {.outer = &at, .name = key});
        }
        if (errors_.list().size() == before) check_length(type, entries.size(), node, at);
    }

    void object(const JsonNode& node, const Type& type, void* target, const Location& at) {
        if (node.kind != JsonNode::Kind::object) {
            return add("model_attributes_type", at,
                       "Input should be a valid dictionary or object to extract fields from", node);
        }
        if (depth_ >= deepest_model) {
            return add("recursion_loop", at, "Input is nested too deep", node);
        }
        ++depth_;
        const Model& model = type.model();
        members(node, model, target, at);
        --depth_;
    }

    void members(const JsonNode& node, const Model& model, void* target, const Location& at) {
        const std::size_t before = errors_.list().size();
        constexpr std::size_t most = detail::most_members;
        std::array<const JsonNode*, most> first{};
        // Flatten can make them more.
        std::vector<const JsonNode*> more;
        const std::size_t count = model.members.size();
        if (count > most) more.resize(count);
        const JsonNode** const found = count > most ? more.data() : first.data();
        std::vector<const JsonNode*> extra;
        std::size_t next = 0;  // as a rule they come in the order of the model
        const JsonNode* name = JsonTree::first_in(node);
        for (std::uint32_t i = 0; i < node.count; ++i) {
            const JsonNode* const value = JsonTree::after(*name);
            std::size_t tried = 0;
            while (tried < count && model.members[next].name != name->text) {
                next = next + 1 == count ? 0 : next + 1;
                ++tried;
            }
            if (tried < count) {
                found[next] = value;  // of a name that is there twice the last one counts
                next = next + 1 == count ? 0 : next + 1;
            } else if (model.extra == Extra::forbid) {
                extra.push_back(name);
            }
            name = JsonTree::after(*value);
        }
        for (std::size_t i = 0; i < count && !errors_.full(); ++i) {
            const Member& member = model.members[i];
            const Location inside{.outer = &at, .name = member.name};
            if (found[i] != nullptr) {
                read(*found[i], *member.type, static_cast<char*>(target) + member.offset, inside);
            } else if (member.required) {
                add("missing", inside, "Field required", node);
            }
        }
        for (const JsonNode* each : extra) {
            add("extra_forbidden", {.outer = &at, .name = each->text},
                "Extra inputs are not permitted", *JsonTree::after(*each));
        }
        if (model.validate != nullptr && errors_.list().size() == before)
            validate(model, target, node, at);
    }

    void validate(const Model& model, const void* object, const JsonNode& node,
                  const Location& at) {
        try {
            model.validate(object);
        } catch (const std::invalid_argument& error) {
            add("value_error", at, fmt::format("Value error, {}", error.what()), node,
                R"({"error":{}})");
        }
    }

    void variant(const JsonNode& node, const Type& type, void* target, const Location& at) {
        const std::string_view discriminator = type.rules.discriminator;
        if (node.kind != JsonNode::Kind::object) {
            return add("model_attributes_type", at,
                       "Input should be a valid dictionary or object to extract fields from", node);
        }
        const JsonNode* tag = nullptr;
        const JsonNode* name = JsonTree::first_in(node);
        for (std::uint32_t i = 0; i < node.count; ++i) {
            const JsonNode* const value = JsonTree::after(*name);
            if (name->text == discriminator) tag = value;
            name = JsonTree::after(*value);
        }
        const std::string quoted = fmt::format("'{}'", discriminator);
        if (tag == nullptr) {
            return add("union_tag_not_found", at,
                       "Unable to extract tag using discriminator " + quoted, node,
                       ctx("discriminator", json_string(quoted)));
        }
        std::vector<std::string_view> expected;
        for (std::size_t i = 0; i < type.alternatives.size(); ++i) {
            for (const Member& member : type.alternatives[i]->model().members) {
                if (member.name != discriminator) continue;
                for (const std::string_view choice : member.type->choices) {
                    expected.push_back(choice);
                    if (tag->kind == JsonNode::Kind::string && tag->text == choice) {
                        return read(node, *type.alternatives[i], type.emplace(target, i),
                                    {.outer = &at, .name = choice});
                    }
                }
            }
        }
        const std::string tag_text =
            tag->kind == JsonNode::Kind::string ? excerpt_text(tag->text) : excerpt(*tag, 100);
        const std::string tags = joined(expected, ", ");
        std::string context;
        JsonWriter(context)
            .begin_object()
            .key<"discriminator">()
            .value(quoted)
            .key<"tag">()
            .value(tag_text)
            .key<"expected_tags">()
            .value(tags)
            .end_object();
        add("union_tag_invalid", at,
            fmt::format("Input tag '{}' found using {} does not match any of the expected tags: {}",
                        tag_text, quoted, tags),
            node, std::move(context));
    }
    static std::string excerpt_text(std::string_view text) {
        const JsonNode node{.kind = JsonNode::Kind::string, .text = text};
        // Cut to the same bound, and without its quotes.
        const std::string json = excerpt(node, 100);
        return text.size() <= 100 ? std::string(text) : json.substr(1, json.size() - 2);
    }

    ValidationErrors& errors_;
    std::span<const void* const> files_;
    int depth_ = 0;
    std::size_t size_of_items_ = 0;
};

static_assert(std::endian::native == std::endian::little,
              "integers are stored by their lowest bytes");

JsonNode as_node(std::string_view text) {
    return {.kind = JsonNode::Kind::string, .text = text};
}

}  // namespace

void read_text(std::string_view text, const Type& type, void* value, const Location& location,
               ValidationErrors& errors) {
    Reader(errors).read(as_node(text), type, value, location);
}

std::size_t read_texts(std::span<const std::string_view> texts, const Type& list, void* value,
                       const Location& location, ValidationErrors& errors) {
    std::vector<JsonNode> nodes{{.kind = JsonNode::Kind::array,
                                 .count = static_cast<std::uint32_t>(texts.size()),
                                 .next = static_cast<std::uint32_t>(texts.size() + 1)}};
    for (const std::string_view text : texts)
        nodes.push_back(as_node(text));
    Reader reader(errors);
    reader.read(nodes.front(), list, value, location);
    return reader.size_of_items();
}

void add_missing(const Location& location, ValidationErrors& errors) {
    errors.add("missing", location, "Field required", "null");
}

std::size_t read_json(const JsonTree& json, const Type& type, void* value, const Location& location,
                      ValidationErrors& errors) {
    Reader reader(errors);
    reader.read(json.root(), type, value, location);
    return reader.size_of_items();
}

void read_form(const JsonNode& form, std::span<const void* const> files, const Type& type,
               void* value, const Location& location, ValidationErrors& errors) {
    Reader(errors, files).read(form, type, value, location);
}

namespace detail {

void read_or_throw(std::string_view json, const Type& type, void* value) {
    JsonTree tree;
    if (const auto fault = tree.read(json)) {
        throw InvalidJson(
            fmt::format("not JSON: {} (character {})", fault->reason, fault->position));
    }
    ValidationErrors errors;
    Reader(errors).read(tree.root(), type, value, {.name = "json"});
    if (errors.empty()) return;
    std::string text;
    for (const ValidationError& error : errors.list())
        text.append(text.empty() ? "" : "; ").append(error.loc_json + " " + error.msg);
    throw InvalidJson(text);
}

}  // namespace detail

namespace {

void check(const Type& type, const std::string& where, std::set<const void*>& seen) {
    const auto fail = [&where](const std::string& why) {
        throw std::invalid_argument(where + ": " + why);
    };
    if (type.rules.pattern != nullptr) {
        try {
            type.rules.pattern->check();
        } catch (const std::invalid_argument& error) {
            fail(error.what());
        }
    }
    if (type.inner != nullptr) check(*type.inner, where, seen);
    for (const Type* alternative : type.alternatives) {
        if (alternative->kind != Kind::object) fail("an alternative that is no struct");
        const auto& members = alternative->model().members;
        const auto tag = std::find_if(members.begin(), members.end(), [&](const Member& member) {
            return member.name == type.rules.discriminator;
        });
        if (tag == members.end() || tag->type->kind != Kind::literal) {
            fail(fmt::format("{} has no member `Literal<…> {}`", alternative->name,
                             type.rules.discriminator));
        }
        check(*alternative, where, seen);
    }
    if (type.kind != Kind::object) return;
    const Model& model = type.model();
    if (!seen.insert(&model).second) return;
    if (!model.fault.empty()) fail(fmt::format("{}.{}", model.name, model.fault));
    std::set<std::string_view> names;
    for (const Member& member : model.members) {
        if (!names.insert(member.name).second)
            fail(fmt::format("{} has two members \"{}\"", model.name, member.name));
        check(*member.type, fmt::format("{}.{}", model.name, member.name), seen);
    }
}

}  // namespace

void check_model(const Type& type) {
    std::set<const void*> seen;
    check(type, std::string(type.name), seen);
}

bool is_text(const Type& type, bool or_several) {
    switch (type.kind) {
        case Kind::object:
        case Kind::map:
        case Kind::variant:
        case Kind::json:
        case Kind::file:
            return false;
        case Kind::list:
            return or_several && is_text(*type.inner, false);
        case Kind::nullable:
            return is_text(*type.inner, or_several);
        default:
            return true;
    }
}

bool is_of_form(const Type& type) {
    if (type.kind == Kind::nullable) return is_of_form(*type.inner);
    const Type& one = type.kind == Kind::list ? *type.inner : type;
    return one.kind == Kind::file || is_text(one, false);
}

namespace {

bool has_file(const Type& type, std::set<const void*>& seen) {
    if (type.kind == Kind::file) return true;
    if (type.inner != nullptr && has_file(*type.inner, seen)) return true;
    for (const Type* alternative : type.alternatives) {
        if (has_file(*alternative, seen)) return true;
    }
    if (type.kind != Kind::object || !seen.insert(&type.model()).second) return false;
    const auto& members = type.model().members;
    return std::any_of(members.begin(), members.end(),
                       [&seen](const Member& member) { return has_file(*member.type, seen); });
}

}  // namespace

bool has_file(const Type& type) {
    std::set<const void*> seen;
    return has_file(type, seen);
}

}  // namespace signalbox::model
