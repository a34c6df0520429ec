#include "signalbox/http/wire/date.hpp"

#include <fmt/format.h>

#include <ctime>

namespace signalbox::http {

std::optional<HttpDate> http_date(std::chrono::sys_seconds time) {
    // By hand, because strftime's names follow the locale.
    static constexpr const char* days[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static constexpr const char* months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                             "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    const std::time_t seconds = time.time_since_epoch().count();
    std::tm utc{};
    if (::gmtime_r(&seconds, &utc) == nullptr) return std::nullopt;
    const long year = utc.tm_year + 1900L;
    if (year < 1000 || year > 9999) return std::nullopt;
    HttpDate date;
    fmt::format_to_n(date.data(), date.size(), "{}, {:02} {} {} {:02}:{:02}:{:02} GMT",
                     days[utc.tm_wday], utc.tm_mday, months[utc.tm_mon], year, utc.tm_hour,
                     utc.tm_min, utc.tm_sec);
    return date;
}

}  // namespace signalbox::http
