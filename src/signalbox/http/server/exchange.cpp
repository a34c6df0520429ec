#include "signalbox/http/server/exchange.hpp"

#include <asio/error.hpp>
#include <asio/system_error.hpp>
#include <fmt/compile.h>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <ctime>
#include <exception>
#include <iterator>

#include "signalbox/db/unavailable.hpp"
#include "signalbox/http/errors.hpp"
#include "signalbox/http/wire/head.hpp"
#include "signalbox/random.hpp"

namespace signalbox::http {

namespace {

bool is_safe_request_id(std::string_view id) {
    const auto safe = [](char c) {
        return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
               std::string_view("-._~:/+=@").find(c) != std::string_view::npos;
    };
    return !id.empty() && id.size() <= 128 && std::all_of(id.begin(), id.end(), safe);
}

Response with_retry_after(Response response) {
    response.headers.emplace_back("Retry-After", std::to_string(1 + random_number() % 3));
    return response;
}

Response answer_to_cancellation(observe::InFlightRequest& in_flight) {
    switch (in_flight.cancelled) {
        case observe::Cancelled::deadline:
            in_flight.error_type = "deadline";
            return error(504);
        case observe::Cancelled::shutdown:
            in_flight.error_type = "shutdown";
            return service_unavailable();
        case observe::Cancelled::client_gone:  // nobody reads it; 499 is for the log
            return {.status = 499};
        case observe::Cancelled::no:
            break;
    }
    return error(500);
}

std::string_view error_type(db::Unavailable::Reason reason) {
    switch (reason) {
        case db::Unavailable::Reason::unreachable:
            return "database_unavailable";
        case db::Unavailable::Reason::queue_full:
            return "database_queue_full";
        case db::Unavailable::Reason::timeout:
            return "database_timeout";
        case db::Unavailable::Reason::stopping:
            return "shutdown";
    }
    return "database_unavailable";
}

constexpr std::string_view unknown_cause = "an exception of an unknown type";

/// What it says, and what those say that are nested in it.
std::string cause_of(const std::exception& thrown) {
    const char* const what = thrown.what();
    std::string cause(what != nullptr ? std::string_view(what) : unknown_cause);
    // Not std::rethrow_if_nested, which ends the process when there is nothing in it.
    const auto* const outer = dynamic_cast<const std::nested_exception*>(&thrown);
    if (outer == nullptr || outer->nested_ptr() == nullptr) return cause;
    try {
        outer->rethrow_nested();
    } catch (const std::exception& nested) {
        cause.append(": ").append(cause_of(nested));
    } catch (...) {
        cause.append(": ").append(unknown_cause);
    }
    return cause;
}

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

}  // namespace

std::string choose_request_id(const Request& request, const observe::TraceContext& trace) {
    if (const auto id = request.header("x-request-id"); id && is_safe_request_id(*id)) {
        return std::string(*id);
    }
    if (trace.started_here()) return std::string(trace.trace_id());
    std::string id(32, '0');
    fill_with_random_hex(id);
    return id;
}

Parsed<std::chrono::milliseconds> timeout_of(const Request& request,
                                             std::chrono::milliseconds longest) {
    const auto header = request.header("request-timeout");
    if (!header) return longest;
    double seconds = 0;
    const char* const end = header->data() + header->size();
    const auto [stopped, error] =
        std::from_chars(header->data(), end, seconds, std::chars_format::fixed);
    if (error != std::errc() || stopped != end || !(seconds > 0) || std::isinf(seconds)) {
        return Invalid{"Request-Timeout: expected a number of seconds above 0"};
    }
    const double most = std::chrono::duration<double>(longest).count();
    if (seconds >= most) return longest;  // also keeps what follows from overflowing
    const std::chrono::duration<double> wanted(seconds);
    return std::max(std::chrono::ceil<std::chrono::milliseconds>(wanted),
                    std::chrono::milliseconds(1));
}

Response answer_without_route(const Request& request) {
    if (request.match.redirect) {
        // Relative, so that it is right behind any proxy. The path cannot begin with two slashes
        // and so name another host: the router sends no such path here.
        std::string location(request.raw_path.substr(0, request.raw_path.size() - 1));
        if (!request.query.empty()) location += "?" + request.query;
        return {.status = 307, .headers = {{"Location", std::move(location)}}};
    }
    if (!request.match.allow.empty()) {
        Response response = error(405);
        response.headers.emplace_back("Allow", request.match.allow);
        return response;
    }
    if (request.raw_path == "*") return {.status = 204};
    return error(404);
}

Response answer_to_error(const std::exception_ptr& thrown, observe::InFlightRequest& in_flight) {
    if (in_flight.cancelled != observe::Cancelled::no) {
        return answer_to_cancellation(in_flight);
    }
    try {
        std::rethrow_exception(thrown);
    } catch (const HttpError& http_error) {
        in_flight.error_cause = http_error.what();
        return http_error.detail().empty()
                   ? error(http_error.status())
                   : json({{"detail", std::string_view(http_error.detail())}}, http_error.status());
    } catch (const db::Unavailable& unavailable) {
        in_flight.error_cause = unavailable.what();
        in_flight.error_type = error_type(unavailable.reason());
        if (unavailable.reason() == db::Unavailable::Reason::queue_full) {
            in_flight.shed = observe::Shed::database_queue;
        }
        return service_unavailable();
    } catch (const std::exception& other) {
        in_flight.error_cause = cause_of(other);
    } catch (...) {
        in_flight.error_cause = unknown_cause;
    }
    return error(500);
}

Response service_unavailable() {
    return with_retry_after(error(503));
}

std::string serialize_head(const Response& response, std::string_view request_id,
                           const observe::TraceContext& trace, bool keep_alive, int version_minor) {
    const std::string_view body = response.body.view();
    std::string head;
    head.reserve(320);
    const auto out = std::back_inserter(head);
    fmt::format_to(out, FMT_COMPILE("HTTP/1.1 {} {}\r\nDate: {}\r\n"), response.status,
                   reason_phrase(response.status), http_date());
    if (may_have_body(response.status)) {
        if (!body.empty() && is_field_value(response.content_type)) {
            head.append("Content-Type: ").append(response.content_type).append("\r\n");
        }
        fmt::format_to(out, FMT_COMPILE("Content-Length: {}\r\n"), body.size());
    }
    head.append("X-Request-ID: ").append(request_id).append("\r\n");
    if (trace) {
        head.append("traceparent: ");
        trace.append_traceparent(head);
        head.append("\r\n");
    }
    for (const auto& [name, value] : response.headers) {
        if (!is_token(name) || !is_field_value(value)) continue;
        head.append(name).append(": ").append(value).append("\r\n");
    }
    if (!keep_alive) {
        head.append("Connection: close\r\n");
    } else if (version_minor == 0) {
        head.append("Connection: keep-alive\r\n");
    }
    return head.append("\r\n");
}

}  // namespace signalbox::http
