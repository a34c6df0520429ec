#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <stdexcept>

#include "signalbox/ascii.hpp"
#include "signalbox/model/scalars.hpp"

// Times in the way and with the words of the speedate library, which pydantic reads them with.
namespace signalbox::model {

namespace {

using std::chrono::days;
using std::chrono::hours;
using std::chrono::microseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using std::chrono::sys_days;
using std::chrono::year_month_day;

std::string fraction_text(std::int64_t micros) {
    if (micros == 0) return {};
    return fmt::format(".{:06}", micros);
}

[[noreturn]] void fail(std::string_view fault) {
    throw std::invalid_argument(std::string(fault));
}

constexpr std::string_view too_short = "input is too short";
constexpr std::string_view too_long = "unexpected extra characters at the end of the input";

/// A text that is read from its front.
class Cursor {
  public:
    explicit Cursor(std::string_view text) : text_(text) {}

    bool at_end() const { return text_.empty(); }
    char peek() const { return text_.empty() ? '\0' : text_.front(); }
    char take() {
        const char c = peek();
        text_.remove_prefix(text_.empty() ? 0 : 1);
        return c;
    }
    bool take(char c) { return take(std::string_view(&c, 1)); }
    bool take(std::string_view word) {
        if (!text_.starts_with(word)) return false;
        text_.remove_prefix(word.size());
        return true;
    }
    /// Just so many digits.
    int digits(int count, std::string_view fault) {
        int number = 0;
        for (int i = 0; i < count; ++i) {
            if (!is_digit(peek())) fail(fault);
            number = number * 10 + (take() - '0');
        }
        return number;
    }
    std::string_view rest() const { return text_; }

  private:
    std::string_view text_;
};

year_month_day take_date(Cursor& text) {
    if (text.rest().size() < 10) fail(too_short);
    const int year = text.digits(4, "invalid character in year");
    if (!text.take('-')) fail("invalid date separator, expected `-`");
    const int month = text.digits(2, "invalid character in month");
    if (!text.take('-')) fail("invalid date separator, expected `-`");
    const int day = text.digits(2, "invalid character in day");
    if (month < 1 || month > 12) fail("month value is outside expected range of 1-12");
    const year_month_day date{std::chrono::year(year), std::chrono::month(unsigned(month)),
                              std::chrono::day(unsigned(day))};
    if (!date.ok()) fail("day value is outside expected range");
    return date;
}

/// For Python there is no such year.
year_month_day not_year_0(year_month_day date) {
    if (date.year() == std::chrono::year(0)) fail(year_0_fault);
    return date;
}

microseconds take_fraction(Cursor& text) {
    std::int64_t micros = 0;
    int count = 0;
    for (; is_digit(text.peek()); ++count) {
        const int digit = text.take() - '0';
        if (count < 6) micros = micros * 10 + digit;
    }
    if (count == 0) fail("second fraction digits missing after `.`");
    for (; count < 6; ++count)
        micros *= 10;
    return microseconds(micros);
}

microseconds take_minutes_and_seconds(Cursor& text) {
    const int minute = text.digits(2, "invalid character in minute");
    if (minute > 59) fail("minute value is outside expected range of 0-59");
    microseconds time = minutes(minute);
    if (text.take(':')) {
        const int second = text.digits(2, "invalid character in second");
        if (second > 59) fail("second value is outside expected range of 0-59");
        time += seconds(second);
        if (text.take('.') || text.take(',')) time += take_fraction(text);
    }
    return time;
}

microseconds take_time_of_day(Cursor& text) {
    if (text.rest().size() < 5) fail(too_short);
    const int hour = text.digits(2, "invalid character in hour");
    if (!text.take(':')) fail("invalid time separator, expected `:`");
    const microseconds rest = take_minutes_and_seconds(text);
    if (hour > 23) fail("hour value is outside expected range of 0-23");
    return hours(hour) + rest;
}

std::optional<minutes> take_offset(Cursor& text) {
    if (text.at_end()) return std::nullopt;
    if (text.take('Z') || text.take('z')) return minutes(0);
    constexpr std::string_view minus_sign = "\xE2\x88\x92";  // U+2212
    const bool negative = text.take('-') || text.take(minus_sign);
    if (!negative && !text.take('+')) fail("invalid timezone sign");
    const int hour = text.digits(2, "invalid timezone hour");
    text.take(':');
    const int minute = text.digits(2, "invalid timezone minute");
    if (minute > 59) fail("timezone minute value is outside expected range of 0-59");
    if (hour > 23) fail("timezone offset must be less than 24 hours");
    const minutes offset = hours(hour) + minutes(minute);
    return negative ? -offset : offset;
}

DateTime take_date_time(Cursor& text) {
    const year_month_day date = take_date(text);
    DateTime result{sys_days(date), std::nullopt};
    if (text.at_end()) return result;
    const char separator = text.take();
    if (separator != 'T' && separator != 't' && separator != ' ' && separator != '_')
        fail("invalid datetime separator, expected `T`, `t`, `_` or space");
    result.moment += take_time_of_day(text);
    result.offset = take_offset(text);
    if (!text.at_end()) fail(too_long);
    if (result.offset) result.moment -= *result.offset;
    return result;
}

/// Seconds since 1970, or milliseconds where they would be too many.
microseconds moment_of(double number) {
    constexpr double watershed = 2e10;  // pydantic's
    if (std::abs(number) > watershed) number /= 1000;
    if (number >= 253'402'300'800.0) fail("dates after 9999 are not supported as unix timestamps");
    if (number < -62'167'219'200.0) fail("dates before 0000 are not supported as unix timestamps");
    const double whole = std::floor(number);
    return seconds(static_cast<std::int64_t>(whole)) +
           microseconds(std::llround((number - whole) * 1e6));
}

/// A number without an exponent: as a text a moment can be that, too.
std::optional<double> plain_number(std::string_view text) {
    if (text.starts_with('+') || text.starts_with('-')) text.remove_prefix(1);
    const auto point = std::min(text.find('.'), text.size());
    const auto all_digits = [](std::string_view part) {
        return !part.empty() && is_all_digits(part);
    };
    constexpr std::size_t longest = 18;  // what is longer is no 64-bit number of seconds
    const std::string_view fraction = text.substr(std::min(point + 1, text.size()));
    if (!all_digits(text.substr(0, point)) || point > longest) return std::nullopt;
    if (point != text.size() && !all_digits(fraction)) return std::nullopt;
    double number = 0;
    std::from_chars(text.data(), text.data() + text.size(), number);
    return number;
}
std::optional<double> signed_number(std::string_view text) {
    const auto number = plain_number(text);
    return number && text.starts_with('-') ? -*number : number;
}

template <class T, class Parse>
Read<T> result_of(Parse parse) {
    try {
        return {.value = parse()};
    } catch (const std::invalid_argument& error) {
        return {.value = std::nullopt, .fault = error.what()};
    }
}

/// Midnight of its own clock.
year_month_day date_of(const DateTime& time) {
    const auto local = time.moment + time.offset.value_or(minutes(0));
    const auto day = std::chrono::floor<days>(local);
    if (local != day) fail(inexact_date_fault);
    return day;
}

DateTime utc(microseconds moment) {
    return {std::chrono::sys_time<microseconds>(moment), minutes(0)};
}

constexpr std::int64_t most_days = 999'999'999;  // Python's timedelta
constexpr std::string_view too_many_days = "durations may not exceed 999,999,999 days";

microseconds duration_of(long double total_seconds) {
    if (std::abs(total_seconds) >= (most_days + 1.0L) * 86400) fail(too_many_days);
    // What 64 bits of microseconds do not hold is less than that: 292,471 years.
    if (std::abs(total_seconds) > 9.2e12L) fail(too_many_days);
    return microseconds(std::llround(total_seconds * 1e6L));
}

/// `1.5` before its unit.
long double take_quantity(Cursor& text) {
    if (!is_digit(text.peek())) fail("invalid digit in duration");
    std::string number;
    while (is_digit(text.peek()))
        number += text.take();
    if (number.size() > 9 + 2) fail("a numeric value in the duration is too large");
    if (text.peek() == '.' || text.peek() == ',') {
        text.take();
        if (!is_digit(text.peek())) fail("invalid digit in duration");
        number += '.';
        while (is_digit(text.peek()))
            number += text.take();
    }
    double quantity = 0;
    std::from_chars(number.data(), number.data() + number.size(), quantity);
    return quantity;
}

/// Behind the `P`.
long double take_iso_duration(Cursor& text) {
    constexpr long double day = 86400;
    long double total = 0;
    bool in_time = false;
    bool any = false;
    while (!text.at_end()) {
        if (!in_time && text.take('T')) {
            in_time = true;
            continue;
        }
        const long double quantity = take_quantity(text);
        any = true;
        switch (const char unit = text.take(); in_time ? unit | 0x80 : unit) {
            case 'Y':
                total += quantity * 365 * day;
                break;
            case 'M':
                total += quantity * 30 * day;
                break;
            case 'W':
                total += quantity * 7 * day;
                break;
            case 'D':
                total += quantity * day;
                break;
            case 'H' | 0x80:
                total += quantity * 3600;
                break;
            case 'M' | 0x80:
                total += quantity * 60;
                break;
            case 'S' | 0x80:
                total += quantity;
                break;
            default:
                fail(in_time ? "quantity invalid in time part of duration"
                             : "quantity invalid in date part of duration");
        }
    }
    if (!any) fail(too_short);
    return total;
}

/// `25:03`, `2:03:04.5`; of more than a day only where no days stand before.
long double take_clock(Cursor& text, bool behind_days) {
    int hour = 0;
    int count = 0;
    for (; is_digit(text.peek()) && count < 9; ++count)
        hour = hour * 10 + (text.take() - '0');
    if (count == 0 || !text.take(':')) fail("invalid character in hour");
    if (behind_days && hour > 23) fail("durations may not exceed 999,999,999 hours");
    const microseconds rest = take_minutes_and_seconds(text);
    if (!text.at_end()) fail(too_long);
    return hour * 3600.0L + static_cast<long double>(rest.count()) / 1e6L;
}

/// `1 day, 2:03:04`, `2d`, `2:03`
long double take_days_or_clock(Cursor& text) {
    if (!is_digit(text.peek())) fail("invalid digit in duration");
    const std::string_view digits = text.rest().substr(
        0, std::min(text.rest().find_first_not_of("0123456789"), text.rest().size()));
    if (text.rest().substr(digits.size()).starts_with(':')) return take_clock(text, false);
    long double count = 0;
    for (const char c : digits)
        count = count * 10 + (c - '0');
    if (count > static_cast<long double>(most_days)) fail(too_many_days);
    text.take(digits);
    text.take(' ');
    const bool is_day = text.take('d') || text.take('D');
    if (!is_day) fail("\"day\" identifier in duration not correctly formatted");
    if (text.take("ay") || text.take("AY")) {
        if (!text.take('s')) text.take('S');
    }
    text.take(',');
    text.take(' ');
    return count * 86400 + (text.at_end() ? 0 : take_clock(text, true));
}

}  // namespace

std::string DateTime::text() const {
    const auto local = moment + offset.value_or(minutes(0));
    const auto day = std::chrono::floor<days>(local);
    const auto time = local - day;
    const auto whole = std::chrono::floor<seconds>(time);
    std::string text = date_text(year_month_day(day)) +
                       fmt::format("T{:02}:{:02}:{:02}", whole / hours(1), whole / minutes(1) % 60,
                                   whole.count() % 60) +
                       fraction_text((time - whole).count());
    if (!offset) return text;
    if (offset->count() == 0) return text + 'Z';
    const auto size = std::chrono::abs(*offset);
    return text + fmt::format("{}{:02}:{:02}", offset->count() < 0 ? '-' : '+', size / hours(1),
                              size.count() % 60);
}

std::string date_text(year_month_day date) {
    return fmt::format("{:04}-{:02}-{:02}", static_cast<int>(date.year()),
                       static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()));
}

std::string duration_text(microseconds duration) {
    std::string text = duration.count() < 0 ? "-P" : "P";
    const auto size = std::chrono::abs(duration);
    const auto whole_days = std::chrono::floor<days>(size);
    // As pydantic writes it: 365 days are a year.
    if (whole_days.count() >= 365) text += fmt::format("{}Y", whole_days.count() / 365);
    if (whole_days.count() % 365 != 0) text += fmt::format("{}D", whole_days.count() % 365);
    const auto time = size - whole_days;
    if (time.count() == 0 && whole_days.count() != 0) return text;
    text += 'T';
    const auto whole = std::chrono::floor<seconds>(time);
    if (whole >= hours(1)) text += fmt::format("{}H", whole / hours(1));
    if (whole / minutes(1) % 60 != 0) text += fmt::format("{}M", whole / minutes(1) % 60);
    const auto rest = time - std::chrono::floor<minutes>(time);
    if (rest.count() != 0 || time.count() == 0) {
        std::string fraction = fraction_text((time - whole).count());
        while (fraction.ends_with('0'))
            fraction.pop_back();
        text += fmt::format("{}{}S", whole.count() % 60, fraction);
    }
    return text;
}

Read<DateTime> read_date_time(std::string_view input) {
    return result_of<DateTime>([&] {
        try {
            Cursor text(input);
            const DateTime result = take_date_time(text);
            not_year_0(year_month_day(
                std::chrono::floor<days>(result.moment + result.offset.value_or(minutes(0)))));
            return result;
        } catch (const std::invalid_argument& error) {
            if (error.what() == year_0_fault) throw;
        }
        if (const auto number = signed_number(input)) return utc(moment_of(*number));
        // What is wrong is what is wrong with it as a date.
        Cursor text(input);
        take_date(text);
        fail(too_long);
    });
}

Read<DateTime> read_date_time(double timestamp) {
    return result_of<DateTime>([&] { return utc(moment_of(timestamp)); });
}

Read<year_month_day> read_date(std::string_view input) {
    return result_of<year_month_day>([&] {
        if (input.size() == 10) {
            try {
                Cursor text(input);
                return not_year_0(take_date(text));
            } catch (const std::invalid_argument& error) {
                if (error.what() == year_0_fault) throw;
            }
        }
        if (const auto number = signed_number(input)) return date_of(utc(moment_of(*number)));
        Cursor text(input);
        return date_of(take_date_time(text));
    });
}

Read<year_month_day> read_date(double timestamp) {
    return result_of<year_month_day>([&] { return date_of(utc(moment_of(timestamp))); });
}

Read<microseconds> read_duration(std::string_view input) {
    return result_of<microseconds>([&] {
        Cursor text(input);
        if (text.at_end()) fail(too_short);
        const bool negative = text.take('-');
        if (!negative) text.take('+');
        const long double total =
            text.take('P') ? take_iso_duration(text) : take_days_or_clock(text);
        return duration_of(negative ? -total : total);
    });
}

Read<microseconds> read_duration(double seconds) {
    return result_of<microseconds>([&] { return duration_of(seconds); });
}

}  // namespace signalbox::model
