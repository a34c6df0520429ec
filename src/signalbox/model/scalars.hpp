#pragma once

#include <array>
#include <chrono>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "signalbox/model/rules.hpp"

// Values that are texts in JSON and more than that in a program. A date is a
// std::chrono::year_month_day, a duration (Python's timedelta) std::chrono::microseconds.
namespace signalbox::model {

/// RFC 9562. Written in lower case with dashes.
struct Uuid {
    std::array<std::uint8_t, 16> bytes{};

    std::string text() const;
    friend auto operator<=>(const Uuid&, const Uuid&) = default;
};

/// A decimal number with every digit that was written; a double would be rounded. In JSON it is
/// read from a number or a string and written as a string, as pydantic does, in the form of
/// Python's str(Decimal): `0.50`, `1E+3`.
class Decimal {
  public:
    Decimal() = default;
    /// Throws std::invalid_argument when the text is no finite decimal number, or when its exponent
    /// is beyond largest_decimal_exponent.
    explicit Decimal(std::string_view text);

    const std::string& text() const noexcept { return text_; }
    friend bool operator==(const Decimal&,
                           const Decimal&) = default;  ///< of the text: 1.0 is not 1

  private:
    std::string text_ = "0";
};

/// Of a decimal number: its digits, without a point.
struct DecimalParts {
    bool negative = false;
    std::string digits{};  ///< without zeros in front: none of zero
    long exponent = 0;     ///< times ten to this
};
inline constexpr long largest_decimal_exponent = 1'000'000;

/// Of `-1.5e3` and the like. Nothing where the text is no such number.
std::optional<DecimalParts> decimal_parts(std::string_view text);

/// A moment, and the offset from UTC that it was written with. Without an offset it is only what a
/// clock somewhere showed (Python's naive datetime).
struct DateTime {
    std::chrono::sys_time<std::chrono::microseconds> moment{};  ///< in UTC, if the offset is known
    std::optional<std::chrono::minutes> offset{};

    /// RFC 3339 with microseconds where there are any, `Z` for UTC; without offset, without it.
    std::string text() const;
    friend bool operator==(const DateTime&, const DateTime&) = default;
};

/// Any bytes. In JSON they are a text in base64 (RFC 4648, section 4), as of pydantic's
/// Base64Bytes.
struct Bytes {
    std::string data{};

    friend bool operator==(const Bytes&, const Bytes&) = default;
};

/// As Python's email-validator checks it, without asking the DNS; the domain in lower case.
using Email = Field<std::string, OfFormat{Format::email}>;
/// An absolute http or https URL, written as browsers do: the host in lower case, a path.
using Url = Field<std::string, OfFormat{Format::url}>;

/// One of these texts and no other, at first the first: `Literal<"card">`. The alternatives of a
/// std::variant are told apart by it.
template <detail::Text... texts>
class Literal {
  public:
    static_assert(sizeof...(texts) > 0, "a literal has a text");
    static constexpr std::array<std::string_view, sizeof...(texts)> choices{
        detail::kept<texts>.view()...};

    std::string_view text() const noexcept { return choices[index_]; }
    friend bool operator==(const Literal& one, std::string_view text) noexcept {
        return one.text() == text;
    }
    std::uint8_t& index() noexcept { return index_; }
    std::uint8_t index() const noexcept { return index_; }

  private:
    std::uint8_t index_ = 0;
};

std::string date_text(std::chrono::year_month_day date);        ///< `2026-11-22`
std::string duration_text(std::chrono::microseconds duration);  ///< ISO 8601, `P1DT2H3.5S`

/// What reading one of them comes to: the value, or what is wrong with it in pydantic's words.
template <class T>
struct Read {
    std::optional<T> value;
    std::string fault{};
};

Read<Uuid> read_uuid(std::string_view text);
Read<Bytes> read_bytes(std::string_view base64);
// Times are also numbers: seconds since 1970, or milliseconds when large. A duration is a number of
// seconds, but not as a text.
Read<DateTime> read_date_time(std::string_view input);
Read<DateTime> read_date_time(double timestamp);
Read<std::chrono::year_month_day> read_date(std::string_view input);
Read<std::chrono::year_month_day> read_date(double timestamp);
Read<std::chrono::microseconds> read_duration(std::string_view input);
Read<std::chrono::microseconds> read_duration(double seconds);
/// Faults that clients see in another form than other faults of the same type.
inline constexpr std::string_view year_0_fault = "year 0 is out of range";
inline constexpr std::string_view inexact_date_fault =
    "Datetimes provided to dates should have zero time - e.g. be exact dates";
inline constexpr std::string_view url_scheme_fault = "a scheme that is not http or https";
inline constexpr std::string_view url_too_long_fault = "a URL that is too long";
inline constexpr std::size_t longest_url = 2083;
/// In the normal form.
Read<std::string> read_email(std::string_view text);
Read<std::string> read_url(std::string_view input);

}  // namespace signalbox::model
