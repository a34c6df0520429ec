#include "signalbox/http/wire/response_head.hpp"

#include <fmt/format.h>

#include <charconv>
#include <chrono>
#include <ctime>

#include "signalbox/http/wire/date.hpp"
#include "signalbox/http/wire/head.hpp"

namespace signalbox::http {

namespace {

using namespace std::string_view_literals;

/// The Date header (RFC 9110, section 5.6.7) with the ends of the lines around it, made once a
/// second on each thread. Behind it what every response says as well: no browser is to take it for
/// something else than its Content-Type, a script for instance.
std::string_view date_line() {
    thread_local std::time_t made_at = 0;
    thread_local char text[96];
    thread_local std::size_t size = 0;
    timespec now{};
    ::clock_gettime(CLOCK_REALTIME_COARSE, &now);
    if (now.tv_sec != made_at) {
        made_at = now.tv_sec;
        const HttpDate date =
            http_date(std::chrono::sys_seconds(std::chrono::seconds(made_at))).value();
        size = fmt::format_to_n(text, sizeof text,
                                "\r\nDate: {}\r\nX-Content-Type-Options: nosniff\r\n",
                                std::string_view(date.data(), date.size()))
                   .size;
    }
    return {text, size};
}

template <class Number>
void append_number(std::string& bytes, Number number) {
    char digits[20];
    bytes.append(digits, std::to_chars(digits, digits + sizeof digits, number).ptr);
}

/// Most are JSON, and do not say it.
void append_content_type(std::string& bytes, std::string_view type) {
    if (type.empty()) {
        bytes += "Content-Type: application/json\r\n"sv;
    } else {
        bytes.append("Content-Type: "sv).append(type).append("\r\n"sv);
    }
}

}  // namespace

void append_head(std::string& bytes, const Response& response, std::string_view request_id,
                 const context::TraceContext& trace, bool keep_alive, int version_minor) {
    if (response.status == 200) {
        bytes += "HTTP/1.1 200 OK"sv;
    } else {
        bytes += "HTTP/1.1 "sv;
        append_number(bytes, response.status);
        bytes.append(" "sv).append(reason_phrase(response.status));
    }
    bytes += date_line();
    if (may_have_body(response.status)) {
        const std::string_view body = response.body.view();
        const bool typed = response.content_type.empty() || is_field_value(response.content_type);
        if (response.stream) {
            if (typed) append_content_type(bytes, response.content_type);
            if (version_minor > 0) bytes += "Transfer-Encoding: chunked\r\n"sv;
        } else if (body.empty()) {
            bytes += "Content-Length: 0\r\n"sv;
        } else {
            if (typed) append_content_type(bytes, response.content_type);
            bytes += "Content-Length: "sv;
            append_number(bytes, body.size());
            bytes += "\r\n"sv;
        }
    }
    bytes.append("X-Request-ID: "sv).append(request_id);
    if (trace) {
        bytes += "\r\ntraceparent: "sv;
        trace.append_traceparent(bytes);
    }
    bytes += "\r\n"sv;
    for (const auto& [name, value] : response.headers) {
        if (!is_token(name) || !is_field_value(value)) continue;
        bytes.append(name).append(": "sv).append(value).append("\r\n"sv);
    }
    if (!keep_alive) {
        bytes += "Connection: close\r\n"sv;
    } else if (version_minor == 0) {
        bytes += "Connection: keep-alive\r\n"sv;
    }
    bytes += "\r\n"sv;
}

}  // namespace signalbox::http
