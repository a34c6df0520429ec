#pragma once

#include <charconv>
#include <chrono>
#include <concepts>
#include <cstddef>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "signalbox/db/error.hpp"
#include "signalbox/json.hpp"
#include "signalbox/model/type.hpp"

namespace signalbox::db {

struct RowForm;

/// One SQL statement. Parameters `$1`, `$2`, … are text that PostgreSQL converts; an empty one is
/// NULL. No NUL byte may be in it.
struct Statement {
    std::string sql;
    std::vector<std::optional<std::string>> parameters;
    const RowForm* form = nullptr;  ///< of its rows; null: JSON of all columns as they come
    bool writes = false;            ///< run for the one who asks, and once
    bool may_be_shared = true;      ///< with others who ask for the same; if it does not write
    bool may_be_repeated = false;   ///< though it writes
    /// Of the beginning of a stream: `sql` asks for one row more than these, and when it has that,
    /// nothing is made of the rows. 0: all are wanted.
    std::size_t first_rows = 0;
    std::string told{};  ///< what the observer is told of, where `sql` is made from it
};

template <class T>
std::optional<std::string> to_parameter(const T& value);

namespace detail {

template <class>
inline constexpr bool is_vector = false;
template <class T>
inline constexpr bool is_vector<std::vector<T>> = true;

template <class>
inline constexpr bool is_duration = false;
template <class Count, class Period>
inline constexpr bool is_duration<std::chrono::duration<Count, Period>> = true;

template <class T>
concept HasText = requires(const T& value) {
    { value.text() } -> std::convertible_to<std::string_view>;
};
/// A std::optional, or a pointer.
template <class T>
concept MayBeEmpty = requires(const T& value) {
    static_cast<bool>(value);
    *value;
};

inline std::string text_parameter(std::string_view text) {
    if (text.find('\0') != text.npos)
        throw InvalidData("PostgreSQL takes no NUL byte in a text", "22021");
    return std::string(text);
}

inline void check_date(std::chrono::sys_days day) {
    using std::chrono::year, std::chrono::sys_days, std::chrono::January, std::chrono::December;
    if (day < sys_days(year(1) / January / 1) || day > sys_days(year(9999) / December / 31))
        throw std::invalid_argument("a date that is not of the years 1 to 9999");
}
inline void check_date(std::chrono::year_month_day date) {
    if (!date.ok()) throw std::invalid_argument("a date that is none");
    check_date(std::chrono::sys_days(date));
}

inline std::string hex_parameter(std::string_view bytes) {
    constexpr std::string_view digits = "0123456789abcdef";
    std::string text = "\\x";
    text.reserve(2 + 2 * bytes.size());
    for (const char c : bytes) {
        text += digits[static_cast<unsigned char>(c) >> 4];
        text += digits[static_cast<unsigned char>(c) & 15];
    }
    return text;
}

/// One of an array's items: in quotes, so that neither a comma in it nor the word NULL has a
/// meaning.
inline void append_array_item(std::string& array, const std::optional<std::string>& item) {
    if (!item) {
        array += "NULL";
        return;
    }
    array += '"';
    for (const char c : *item) {
        if (c == '"' || c == '\\') array += '\\';
        array += c;
    }
    array += '"';
}

template <class T>
std::string array_text(const std::vector<T>& items) {
    using Kind = model::Type::Kind;
    static_assert(model::type_of<T>.kind != Kind::object && model::type_of<T>.kind != Kind::list,
                  "a std::vector is an array of numbers, texts and the like; for json write "
                  "JsonText(model::to_json(…))");
    std::string array = "{";
    for (const T& item : items) {
        if (array.size() > 1) array += ',';
        append_array_item(array, to_parameter(item));
    }
    return array += '}';
}

}  // namespace detail

/// A parameter of a statement as text; PostgreSQL converts it. Numbers, texts, bool, pointers and
/// std::optional (NULL when empty), and all that requests are made of (signalbox/model/type.hpp):
/// an enum by its name for the outside, a duration as an interval, a std::vector as an array, a
/// struct or std::map as json, a JsonText as it is, or NULL when it has no text.
///
/// Bytes are a bytea. A null `const char*` is NULL.
///
/// Throws std::invalid_argument for an enum's value without a name, for an invalid date and for one
/// beyond the years 1 to 9999; InvalidData for a text with a NUL byte, which PostgreSQL cannot
/// store.
template <class T>
std::optional<std::string> to_parameter(const T& value) {
    if constexpr (std::is_same_v<T, std::nullopt_t>) {
        return std::nullopt;
    } else if constexpr (std::is_same_v<T, bool>) {
        return value ? "true" : "false";
    } else if constexpr (std::is_floating_point_v<T>) {
        // The shortest text that is read back as the same number; `nan` and `inf`, too.
        char text[64];
        return std::string(text, std::to_chars(text, text + sizeof text, value).ptr);
    } else if constexpr (std::is_arithmetic_v<T>) {
        static_assert(!std::is_same_v<T, char>, "a character is no number: write a std::string");
        return std::to_string(value);
    } else if constexpr (std::is_convertible_v<const T&, std::string_view>) {
        if constexpr (std::is_pointer_v<T>) {
            if (value == nullptr) return std::nullopt;
        }
        return detail::text_parameter(value);
    } else if constexpr (std::is_enum_v<T>) {
        constexpr const model::Type& type = model::type_of<T>;
        const std::size_t chosen = type.chosen(&value);
        if (chosen >= type.choices.size()) {
            throw std::invalid_argument("a parameter without a name of " +
                                        std::string(type.full_name));
        }
        return std::string(type.choices[chosen]);
    } else if constexpr (model::detail::is_field<T>) {
        return to_parameter(*value);
    } else if constexpr (detail::is_duration<T>) {
        static_assert(std::is_convertible_v<T, std::chrono::microseconds>,
                      "PostgreSQL's intervals are of microseconds: round it");
        return std::to_string(std::chrono::microseconds(value).count()) + " microseconds";
    } else if constexpr (std::is_same_v<T, std::chrono::year_month_day>) {
        detail::check_date(value);
        return model::date_text(value);
    } else if constexpr (std::is_same_v<T, model::DateTime>) {
        detail::check_date(std::chrono::floor<std::chrono::days>(
            value.moment + value.offset.value_or(std::chrono::minutes(0))));
        return value.text();
    } else if constexpr (std::is_same_v<T, model::Bytes>) {
        return detail::hex_parameter(value.data);
    } else if constexpr (std::is_same_v<T, JsonText>) {
        if (value.text().empty()) return std::nullopt;
        return std::string(value.text());
    } else if constexpr (detail::HasText<T>) {  // Uuid, Decimal, Literal
        return std::string(value.text());
    } else if constexpr (detail::is_vector<T>) {
        return detail::array_text(value);
    } else if constexpr (detail::MayBeEmpty<T>) {
        return value ? to_parameter(*value) : std::nullopt;
    } else {
        return model::to_json(value);
    }
}

}  // namespace signalbox::db
