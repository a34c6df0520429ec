#include "signalbox/http/wire/response_head.hpp"

#include <fmt/compile.h>
#include <fmt/format.h>

#include <charconv>
#include <ctime>

#include "signalbox/http/wire/head.hpp"

namespace signalbox::http {

namespace {

/// The Date header (RFC 9110, section 5.6.7), made once a second on each thread.
std::string_view http_date() {
    thread_local std::time_t made_at = 0;
    thread_local char text[32];
    timespec now{};
    ::clock_gettime(CLOCK_REALTIME_COARSE, &now);
    if (now.tv_sec != made_at) {
        made_at = now.tv_sec;
        std::tm utc{};
        ::gmtime_r(&made_at, &utc);
        // By hand, because strftime's names follow the locale.
        static constexpr const char* days[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
        static constexpr const char* months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                 "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
        *fmt::format_to_n(text, sizeof text - 1, "{}, {:02} {} {} {:02}:{:02}:{:02} GMT",
                          days[utc.tm_wday], utc.tm_mday, months[utc.tm_mon], utc.tm_year + 1900,
                          utc.tm_hour, utc.tm_min, utc.tm_sec)
             .out = '\0';
    }
    return text;
}

template <class Number>
void append_number(std::string& bytes, Number number) {
    char digits[20];
    bytes.append(digits, std::to_chars(digits, digits + sizeof digits, number).ptr);
}

}  // namespace

void append_head(std::string& bytes, const Response& response, std::string_view request_id,
                 const context::TraceContext& trace, bool keep_alive, int version_minor) {
    bytes.append("HTTP/1.1 ");
    append_number(bytes, response.status);
    bytes.append(" ").append(reason_phrase(response.status));
    bytes.append("\r\nDate: ").append(http_date()).append("\r\n");
    if (may_have_body(response.status)) {
        const std::string_view body = response.body.view();
        if (!body.empty() && is_field_value(response.content_type)) {
            bytes.append("Content-Type: ").append(response.content_type).append("\r\n");
        }
        bytes.append("Content-Length: ");
        append_number(bytes, body.size());
        bytes.append("\r\n");
    }
    bytes.append("X-Request-ID: ").append(request_id).append("\r\n");
    if (trace) {
        bytes.append("traceparent: ");
        trace.append_traceparent(bytes);
        bytes.append("\r\n");
    }
    for (const auto& [name, value] : response.headers) {
        if (!is_token(name) || !is_field_value(value)) continue;
        bytes.append(name).append(": ").append(value).append("\r\n");
    }
    if (!keep_alive) {
        bytes.append("Connection: close\r\n");
    } else if (version_minor == 0) {
        bytes.append("Connection: keep-alive\r\n");
    }
    bytes.append("\r\n");
}

}  // namespace signalbox::http
