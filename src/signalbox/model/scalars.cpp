#include "signalbox/model/scalars.hpp"

#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <stdexcept>

namespace signalbox::model {

namespace {

using std::chrono::days;
using std::chrono::hours;
using std::chrono::microseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using std::chrono::sys_days;
using std::chrono::year_month_day;

bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

std::string fraction_text(std::int64_t micros) {
    if (micros == 0) return {};
    return fmt::format(".{:06}", micros);
}

/// A text that is read from its front, in the way and with the words of the speedate library, which
/// pydantic reads times with.
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
    bool take(char c) {
        if (peek() != c || text_.empty()) return false;
        take();
        return true;
    }
    /// Just so many digits.
    int digits(int count, std::string_view fault) {
        int number = 0;
        for (int i = 0; i < count; ++i) {
            if (text_.empty()) throw std::invalid_argument("input is too short");
            const char c = take();
            if (!is_digit(c)) throw std::invalid_argument(std::string(fault));
            number = number * 10 + (c - '0');
        }
        return number;
    }
    std::string_view rest() const { return text_; }

  private:
    std::string_view text_;
};

[[noreturn]] void fail(const char* fault) {
    throw std::invalid_argument(fault);
}

year_month_day take_date(Cursor& text) {
    if (text.rest().size() < 10) fail("input is too short");
    const int year = text.digits(4, "invalid character in year");
    if (!text.take('-')) fail("invalid date separator, expected `-`");
    const int month = text.digits(2, "invalid character in month");
    if (!text.take('-')) fail("invalid date separator, expected `-`");
    const int day = text.digits(2, "invalid character in day");
    if (month < 1 || month > 12) fail("month value is outside expected range of 1-12");
    const year_month_day date{std::chrono::year(year), std::chrono::month(unsigned(month)),
                              std::chrono::day(unsigned(day))};
    if (!date.ok()) fail("day value is outside expected range");
    if (year == 0) fail("year 0 is out of range");
    return date;
}

microseconds take_fraction(Cursor& text) {
    std::int64_t micros = 0;
    int count = 0;
    for (; is_digit(text.peek()); ++count) {
        const int digit = text.take() - '0';
        if (count < 6) micros = micros * 10 + digit;
    }
    if (count == 0) fail("second fraction value is missing");
    for (; count < 6; ++count)
        micros *= 10;
    return microseconds(micros);
}

microseconds take_time_of_day(Cursor& text) {
    if (text.rest().size() < 5) fail("input is too short");
    const int hour = text.digits(2, "invalid character in hour");
    if (!text.take(':')) fail("invalid time separator, expected `:`");
    const int minute = text.digits(2, "invalid character in minute");
    if (hour > 23) fail("hour value is outside expected range of 0-23");
    if (minute > 59) fail("minute value is outside expected range of 0-59");
    microseconds time = hours(hour) + minutes(minute);
    if (text.take(':')) {
        const int second = text.digits(2, "invalid character in second");
        if (second > 59) fail("second value is outside expected range of 0-59");
        time += seconds(second);
        if (text.take('.') || text.take(',')) time += take_fraction(text);
    }
    return time;
}

std::optional<minutes> take_offset(Cursor& text) {
    if (text.at_end()) return std::nullopt;
    if (text.take('Z') || text.take('z')) return minutes(0);
    const char sign = text.take();
    if (sign != '+' && sign != '-') fail("invalid timezone sign");
    const int hour = text.digits(2, "invalid timezone hour");
    text.take(':');
    const int minute = text.digits(2, "invalid timezone minute");
    if (minute > 59) fail("timezone minute value is outside expected range of 0-59");
    if (hour > 23) fail("timezone offset must be less than 24 hours");
    const minutes offset = hours(hour) + minutes(minute);
    return sign == '-' ? -offset : offset;
}

/// Seconds since 1970, or milliseconds where they would be too many.
std::optional<microseconds> timestamp_of(std::string_view text) {
    double number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc{} || end != text.data() + text.size() || !std::isfinite(number))
        return std::nullopt;
    constexpr double watershed = 2e10;  // pydantic's
    if (std::abs(number) > watershed) number /= 1000;
    if (number > 253'402'300'799.0) fail("dates after 9999 are not supported as unix timestamps");
    if (number < -11'676'096'000.0) fail("dates before 1600 are not supported as unix timestamps");
    return microseconds(std::llround(number * 1e6));
}

template <class T, class Parse>
Read<T> result_of(Parse parse) {
    try {
        return {.value = parse()};
    } catch (const std::invalid_argument& error) {
        return {.value = std::nullopt, .fault = error.what()};
    }
}

}  // namespace

std::string Uuid::text() const {
    constexpr std::string_view digits = "0123456789abcdef";
    std::string text;
    text.reserve(36);
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        if (i == 4 || i == 6 || i == 8 || i == 10) text += '-';
        text += digits[bytes[i] >> 4];
        text += digits[bytes[i] & 15];
    }
    return text;
}

Decimal::Decimal(std::string_view text) : text_(text) {
    bool digit = false;
    std::size_t i = text.starts_with('-') || text.starts_with('+') ? 1 : 0;
    bool point = false;
    for (; i < text.size() && (is_digit(text[i]) || (text[i] == '.' && !point)); ++i) {
        digit = digit || text[i] != '.';
        point = point || text[i] == '.';
    }
    if (digit && i < text.size() && (text[i] == 'e' || text[i] == 'E')) {
        ++i;
        if (i < text.size() && (text[i] == '-' || text[i] == '+')) ++i;
        digit = i < text.size();
        while (i < text.size() && is_digit(text[i]))
            ++i;
    }
    if (!digit || i != text.size())
        throw std::invalid_argument("no decimal number: '" + std::string(text) + "'");
    if (text_.starts_with('+')) text_.erase(0, 1);
}

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
    if (whole_days.count() != 0) text += fmt::format("{}D", whole_days.count());
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

Read<Uuid> read_uuid(std::string_view text) {
    // The words of the uuid crate, which pydantic reads them with.
    const std::string_view all = text;
    if (text.size() == 38 && text.starts_with('{') && text.ends_with('}')) {
        text = text.substr(1, 36);
    } else if (text.starts_with("urn:uuid:")) {
        text.remove_prefix(9);
    }
    const auto offset = static_cast<std::size_t>(text.data() - all.data());
    Uuid uuid;
    std::size_t digits = 0;
    std::size_t group = 0, group_size = 0;
    constexpr std::array<std::size_t, 5> sizes{8, 4, 4, 4, 12};
    std::size_t dashes = 0;
    for (const char c : text)
        dashes += c == '-' ? 1 : 0;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        int value = -1;
        if (is_digit(c)) value = c - '0';
        if (c >= 'a' && c <= 'f') value = c - 'a' + 10;
        if (c >= 'A' && c <= 'F') value = c - 'A' + 10;
        if (value < 0 && c != '-') {
            std::size_t end = i + 1;
            while (end < text.size() && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80)
                ++end;
            return {.value = std::nullopt,
                    .fault = fmt::format(
                        "invalid character: expected an optional prefix of `urn:uuid:` followed by "
                        "[0-9a-fA-F-], found `{}` at {}",
                        text.substr(i, end - i), offset + i + 1)};
        }
    }
    if (dashes == 0) {
        if (text.size() != 32) {
            return {
                .value = std::nullopt,
                .fault = fmt::format(
                    "invalid length: expected length 32 for simple format, found {}", text.size())};
        }
    } else if (dashes != 4) {
        return {.value = std::nullopt,
                .fault = fmt::format("invalid group count: expected 5, found {}", dashes + 1)};
    }
    for (const char c : text) {
        if (c == '-') {
            if (group_size != sizes[group]) break;
            ++group;
            group_size = 0;
            continue;
        }
        const int value = is_digit(c) ? c - '0' : (c | 0x20) - 'a' + 10;
        if (digits < 32) {
            uuid.bytes[digits / 2] = static_cast<std::uint8_t>(
                digits % 2 == 0 ? value << 4 : uuid.bytes[digits / 2] | value);
        }
        ++digits;
        ++group_size;
    }
    if (dashes != 0 && (group != 4 || group_size != sizes[4])) {
        const std::size_t wrong = std::min<std::size_t>(group, 4);
        return {.value = std::nullopt,
                .fault = fmt::format("invalid group length in group {}: expected {}, found {}",
                                     wrong, sizes[wrong], group_size)};
    }
    return {.value = uuid};
}

Read<DateTime> read_date_time(std::string_view input) {
    return result_of<DateTime>([&] {
        if (const auto moment = timestamp_of(input))
            return DateTime{std::chrono::sys_time<microseconds>(*moment), minutes(0)};
        Cursor text(input);
        const year_month_day date = take_date(text);
        DateTime result{sys_days(date), std::nullopt};
        if (text.at_end()) return result;
        const char separator = text.take();
        if (separator != 'T' && separator != 't' && separator != ' ' && separator != '_')
            fail("invalid datetime separator, expected `T`, `t`, `_` or space");
        result.moment += take_time_of_day(text);
        result.offset = take_offset(text);
        if (!text.at_end()) fail("unexpected extra characters at the end of the input");
        if (result.offset) result.moment -= *result.offset;
        return result;
    });
}

Read<year_month_day> read_date(std::string_view input) {
    return result_of<year_month_day>([&] {
        if (input.size() != 10 || input[4] != '-') {
            const auto read = read_date_time(input);
            if (!read.value) fail(read.fault.c_str());
            const auto local = read.value->moment + read.value->offset.value_or(minutes(0));
            if (local != std::chrono::floor<days>(local))
                fail("datetimes provided to dates should have zero time - e.g. be exact dates");
            return year_month_day(std::chrono::floor<days>(local));
        }
        Cursor text(input);
        return take_date(text);
    });
}

namespace {

constexpr std::int64_t most_days = 999'999'999;  // Python's timedelta

/// `1.5` before its unit.
double take_quantity(Cursor& text) {
    std::string number;
    while (is_digit(text.peek()) || text.peek() == '.' || text.peek() == ',')
        number += text.peek() == ',' ? (text.take(), '.') : text.take();
    double quantity = 0;
    const auto [end, error] =
        std::from_chars(number.data(), number.data() + number.size(), quantity);
    if (number.empty() || error != std::errc{} || end != number.data() + number.size())
        fail("invalid digit in duration");
    return quantity;
}

long double take_iso_duration(Cursor& text) {
    long double total = 0;
    bool time = false;
    bool any = false;
    while (!text.at_end()) {
        if (text.take('T') || text.take('t')) {
            if (time) fail("\"T\" is there twice");
            time = true;
            continue;
        }
        const long double quantity = take_quantity(text);
        any = true;
        const char unit = text.at_end() ? '\0' : text.take();
        switch (unit | 0x20) {
            case 'y':
                total += quantity * 365 * 86400;
                break;
            case 'm':
                total += quantity * (time ? 60 : 30 * 86400);
                break;
            case 'w':
                total += quantity * 7 * 86400;
                break;
            case 'd':
                total += quantity * 86400;
                break;
            case 'h':
                total += quantity * 3600;
                break;
            case 's':
                total += quantity;
                break;
            default:
                fail(time ? "invalid time unit in duration" : "invalid date unit in duration");
        }
        if (time !=
            ((unit | 0x20) == 'h' || (unit | 0x20) == 's' || ((unit | 0x20) == 'm' && time))) {
            fail(time ? "invalid time unit in duration" : "invalid date unit in duration");
        }
    }
    if (!any) fail("input is too short");
    return total;
}

}  // namespace

Read<microseconds> read_duration(std::string_view input) {
    return result_of<microseconds>([&] {
        double plain = 0;
        const auto [end, error] = std::from_chars(input.data(), input.data() + input.size(), plain);
        long double total = 0;
        if (error == std::errc{} && end == input.data() + input.size() && std::isfinite(plain)) {
            total = plain;
        } else {
            Cursor text(input);
            if (text.at_end()) fail("input is too short");
            const bool negative = text.take('-');
            if (!negative) text.take('+');
            if (text.take('P') || text.take('p')) {
                total = take_iso_duration(text);
            } else {
                // `1 day, 2:03:04`, `2:03:04.5`
                std::string_view rest = text.rest();
                if (const auto word = rest.find(" day"); word != rest.npos) {
                    Cursor day_text(rest.substr(0, word));
                    total = take_quantity(day_text) * 86400;
                    if (!day_text.at_end()) fail("invalid digit in duration");
                    rest.remove_prefix(word + 4);
                    for (const char c : {'s', ',', ' '})
                        if (rest.starts_with(c)) rest.remove_prefix(1);
                }
                if (!rest.empty()) {
                    const auto colon = rest.find(':');
                    if (colon == rest.npos) fail("invalid digit in duration");
                    Cursor time(rest);
                    const int hour = time.digits(static_cast<int>(std::min<std::size_t>(colon, 9)),
                                                 "invalid character in hour");
                    if (!time.take(':')) fail("invalid time separator, expected `:`");
                    const int minute = time.digits(2, "invalid character in minute");
                    if (minute > 59) fail("minute value is outside expected range of 0-59");
                    total += hour * 3600.0L + minute * 60.0L;
                    if (time.take(':')) {
                        const int second = time.digits(2, "invalid character in second");
                        if (second > 59) fail("second value is outside expected range of 0-59");
                        total += second;
                        if (time.take('.'))
                            total += static_cast<long double>(take_fraction(time).count()) / 1e6L;
                    }
                    if (!time.at_end()) fail("unexpected extra characters at the end of the input");
                }
            }
            if (negative) total = -total;
        }
        if (std::abs(total) > static_cast<long double>(most_days) * 86400 ||
            std::abs(total) > 9.2e12L) {
            fail("durations may not exceed 999,999,999 days");
        }
        return microseconds(std::llround(total * 1e6L));
    });
}

namespace {

constexpr std::string_view letters_and_digits =
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

char lower(char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

bool is_ascii_or_utf8_letter(char c) {
    return static_cast<unsigned char>(c) >= 0x80;
}

const char* local_part_fault(std::string_view local) {
    if (local.empty()) return "There must be something before the @-sign.";
    if (local.size() > 64) return "The email address is too long before the @-sign.";
    for (const char c : local) {
        const bool good =
            letters_and_digits.find(c) != std::string_view::npos ||
            std::string_view("!#$%&'*+-/=?^_`{|}~.").find(c) != std::string_view::npos ||
            is_ascii_or_utf8_letter(c);
        if (!good) return "The email address contains invalid characters before the @-sign: ";
    }
    if (local.front() == '.') return "An email address cannot start with a period.";
    if (local.back() == '.')
        return "An email address cannot have a period immediately before the @-sign.";
    if (local.find("..") != std::string_view::npos)
        return "An email address cannot have two periods in a row.";
    return nullptr;
}

}  // namespace

Read<std::string> read_email(std::string_view text) {
    const auto fault = [](std::string reason) {
        return Read<std::string>{.value = std::nullopt, .fault = std::move(reason)};
    };
    const auto strip = [](std::string_view part) {
        const auto begin = part.find_first_not_of(" \t\r\n");
        if (begin == part.npos) return std::string_view{};
        return part.substr(begin, part.find_last_not_of(" \t\r\n") - begin + 1);
    };
    text = strip(text);
    const auto at = text.rfind('@');
    if (at == text.npos) return fault("An email address must have an @-sign.");
    const auto local = text.substr(0, at);
    const auto domain = text.substr(at + 1);
    if (const char* bad = local_part_fault(local)) {
        std::string reason = bad;
        if (reason.ends_with(": ")) {
            std::string characters;
            for (const char c : local) {
                const bool good =
                    letters_and_digits.find(c) != std::string_view::npos ||
                    std::string_view("!#$%&'*+-/=?^_`{|}~.").find(c) != std::string_view::npos ||
                    is_ascii_or_utf8_letter(c);
                const std::string shown = c == ' ' ? std::string("SPACE") : fmt::format("'{}'", c);
                if (!good && characters.find(shown) == std::string::npos)
                    characters.append(characters.empty() ? "" : ", ").append(shown);
            }
            reason += characters + ".";
        }
        return fault(std::move(reason));
    }
    if (domain.empty()) return fault("There must be something after the @-sign.");
    std::string bad;
    for (const char c : domain) {
        if (letters_and_digits.find(c) == std::string_view::npos && c != '-' && c != '.' &&
            !is_ascii_or_utf8_letter(c)) {
            const std::string shown = c == ' ' ? std::string("SPACE") : fmt::format("'{}'", c);
            if (bad.find(shown) == std::string::npos)
                bad.append(bad.empty() ? "" : ", ").append(shown);
        }
    }
    if (!bad.empty()) {
        return fault(
            fmt::format("The part after the @-sign contains invalid characters: {}.", bad));
    }
    if (domain.front() == '.') return fault("An email address cannot start with a period.");
    if (domain.back() == '.') return fault("An email address cannot end with a period.");
    if (domain.find("..") != domain.npos)
        return fault("An email address cannot have two periods in a row.");
    if (domain.front() == '-' || domain.find(".-") != domain.npos)
        return fault("An email address cannot have a hyphen immediately after the @-sign.");
    if (domain.back() == '-' || domain.find("-.") != domain.npos)
        return fault("An email address cannot end with a hyphen.");
    if (domain.find('.') == domain.npos)
        return fault("The part after the @-sign is not valid. It should have a period.");
    for (std::size_t begin = 0; begin < domain.size();) {
        const auto end = std::min(domain.find('.', begin), domain.size());
        if (end - begin > 63)
            return fault("After the @-sign, periods cannot be separated by so many characters.");
        begin = end + 1;
    }
    if (text.size() > 254) {
        return fault(fmt::format("The email address is too long ({} characters too many).",
                                 text.size() - 254));
    }
    const auto last = domain.substr(domain.rfind('.') + 1);
    if (is_digit(last.back()))
        return fault(
            "The part after the @-sign is not valid. It is not within a valid top-level domain.");
    std::string normal(local);
    normal += '@';
    for (const char c : domain)
        normal += lower(c);
    return {.value = std::move(normal)};
}

Read<std::string> read_url(std::string_view text) {
    const auto fault = [](const char* reason) {
        return Read<std::string>{.value = std::nullopt, .fault = reason};
    };
    if (text.empty()) return fault("input is empty");
    const auto colon = text.find(':');
    if (colon == text.npos || colon == 0) return fault("relative URL without a base");
    std::string scheme;
    for (const char c : text.substr(0, colon)) {
        if (letters_and_digits.find(c) == std::string_view::npos && c != '+' && c != '-' &&
            c != '.')
            return fault("relative URL without a base");
        scheme += lower(c);
    }
    if (scheme != "http" && scheme != "https") return fault(url_scheme_fault.data());
    std::string_view rest = text.substr(colon + 1);
    while (rest.starts_with('/') || rest.starts_with('\\'))
        rest.remove_prefix(1);
    const auto end = std::min(rest.find_first_of("/?#\\"), rest.size());
    std::string_view authority = rest.substr(0, end);
    rest.remove_prefix(end);
    std::string normal = scheme + "://";
    if (const auto at = authority.rfind('@'); at != authority.npos) {
        normal.append(authority.substr(0, at + 1));
        authority.remove_prefix(at + 1);
    }
    std::string_view host = authority;
    std::string_view port;
    if (host.starts_with('[')) {
        const auto bracket = host.find(']');
        if (bracket == host.npos) return fault("invalid IPv6 address");
        port = host.substr(bracket + 1);
        host = host.substr(0, bracket + 1);
        if (host.find_first_not_of("0123456789abcdefABCDEF:.[]") != host.npos)
            return fault("invalid IPv6 address");
    } else {
        const auto port_colon = host.find(':');
        if (port_colon != host.npos) {
            port = host.substr(port_colon);
            host = host.substr(0, port_colon);
        }
    }
    if (host.empty()) return fault("empty host");
    for (const char c : host) {
        const auto code = static_cast<unsigned char>(c);
        if (code <= 0x20 || code == 0x7f ||
            std::string_view("\"<>^`{|}%").find(c) != std::string_view::npos) {
            return fault("invalid international domain name");
        }
        normal += lower(c);
    }
    if (!port.empty()) {
        if (port.front() != ':') return fault("invalid port number");
        port.remove_prefix(1);
        unsigned number = 0;
        const auto [stop, error] = std::from_chars(port.data(), port.data() + port.size(), number);
        if (!port.empty() &&
            (error != std::errc{} || stop != port.data() + port.size() || number > 65535)) {
            return fault("invalid port number");
        }
        const bool standard = number == (scheme == "http" ? 80U : 443U);
        if (!port.empty() && !standard) normal += ':' + std::to_string(number);
    }
    if (rest.empty() || (rest.front() != '/' && rest.front() != '\\')) normal += '/';
    for (const char c : rest) {
        const auto code = static_cast<unsigned char>(c);
        if (code <= 0x20 || code >= 0x7f || c == '"' || c == '<' || c == '>') {
            normal += fmt::format("%{:02X}", code);
        } else {
            normal += c;
        }
    }
    return {.value = std::move(normal)};
}

}  // namespace signalbox::model
