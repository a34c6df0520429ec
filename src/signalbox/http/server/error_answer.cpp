#include "signalbox/http/server/error_answer.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "signalbox/context/error_types.hpp"
#include "signalbox/db/error.hpp"
#include "signalbox/fast/json_writer.hpp"
#include "signalbox/http/errors.hpp"
#include "signalbox/http/route.hpp"

namespace signalbox::http {

namespace error_types = context::error_types;

namespace {

Response answer_to_cancellation(context::RequestContext& context) {
    switch (context.cancelled) {
        case context::Cancelled::deadline:
            context.error_type = error_types::deadline;
            return error(504);
        case context::Cancelled::client_deadline:
            context.error_type = error_types::client_deadline;
            return error(504);
        case context::Cancelled::shutdown:
            context.error_type = error_types::shutdown;
            return service_unavailable();
        case context::Cancelled::limit_buffered:
            context.error_type = error_types::limit_buffered;
            return service_unavailable();
        case context::Cancelled::client_gone:  // nobody reads it; 499 is for the log
            return {.status = 499};
        case context::Cancelled::connection_failed:  // nobody reads it
        case context::Cancelled::no:
            break;
    }
    return error(500);
}

Response answer_to_http_error(const HttpError& thrown) {
    std::string text;
    JsonWriter writer(text);
    writer.begin_object().key<"detail">();
    if (const std::string_view json = thrown.json_detail().text(); !json.empty()) {
        writer.verbatim(json);
    } else {
        writer.value(thrown.detail().empty() ? reason_phrase(thrown.status())
                                             : std::string_view(thrown.detail()));
    }
    writer.end_object();
    return {.status = thrown.status(), .body = std::move(text), .headers = thrown.headers()};
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

/// A statement that PostgreSQL refused (the table in db/error.hpp). Nothing of the message, which
/// can hold data, and no constraint's name.
struct Refusal {
    int status;
    std::string_view error_type;
    std::string_view detail{};  ///< empty: the status's phrase
};

template <class Kind>
bool is(const db::Error& error) {
    return dynamic_cast<const Kind*>(&error) != nullptr;
}

Refusal refusal_of(const db::Error& error) {
    if (is<db::UniqueViolation>(error))
        return {409, "unique_violation", "Such a one exists already"};
    if (is<db::ExclusionViolation>(error))
        return {409, "exclusion_violation", "It conflicts with one that exists"};
    if (is<db::ForeignKeyViolation>(error))
        return {409, "foreign_key_violation",
                "It refers to one that does not exist, or others refer to it"};
    if (is<db::CheckViolation>(error))
        return {422, "check_violation", "A value is not one of those allowed"};
    if (is<db::InvalidData>(error))
        return {422, "invalid_data", "A value is out of range, too long or malformed"};
    if (is<db::NotNullViolation>(error)) return {500, "not_null_violation"};
    if (is<db::SerializationFailure>(error)) return {503, "serialization_failure"};
    if (is<db::DeadlockDetected>(error)) return {503, "deadlock_detected"};
    if (is<db::LockNotAvailable>(error)) return {503, "lock_not_available"};
    if (is<db::ReadOnly>(error)) return {503, "database_read_only"};
    if (is<db::MissingMigration>(error))
        return {503, "migrations_pending", "The database lacks its schema"};
    return {500, {}};
}

Response answer_to_refusal(const db::Error& error, context::RequestContext& context) {
    const Refusal refusal = refusal_of(error);
    context.error_type = refusal.error_type;
    if (refusal.status == 503) return service_unavailable(refusal.detail);
    if (refusal.detail.empty()) return http::error(refusal.status);
    return json({{"detail", refusal.detail}}, refusal.status);
}

/// What the route's own handler of errors makes of it. Nothing when it has none, or that leaves it.
std::optional<Response> answer_of_route(const std::exception_ptr& thrown,
                                        context::RequestContext& context, Request& request) {
    const Route* const route = request.match.route;
    if (route == nullptr || !route->on_error) return std::nullopt;
    try {
        auto response = route->on_error(thrown, request);
        if (response) context.set_error_cause(cause_of(thrown));
        return response;
    } catch (...) {
        const auto other = std::current_exception();
        if (other == thrown) return std::nullopt;
        context.set_error_cause(
            cause_of(other).append(", in answer to: ").append(cause_of(thrown)));
        return error(500);
    }
}

/// By the reasons of the wire (`Malformed::reason`). One that is not here is answered with its
/// status's phrase.
constexpr std::pair<std::string_view, std::string_view> details[]{
    {"bare_line_feed", "A line of the head ends with LF alone; it has to end with CR LF"},
    {"body_too_large", "The body is larger than this endpoint takes"},
    {"chunk", "The body is not coded as Transfer-Encoding: chunked wants it"},
    {"chunk_overhead", "Its chunks are too small, or have more extensions than this server takes"},
    {"connect", "CONNECT is for proxies, and this server is none"},
    {"content_length", "Content-Length is not one decimal number, or has more than 64 bits"},
    {"empty_lines", "Too many empty lines stand before the request line"},
    {"expectation", "The only expectation that this server knows is 100-continue"},
    {"framing", "A message has either Content-Length or Transfer-Encoding, not both"},
    {"head_too_large", "The header lines are larger than this server takes"},
    {"header",
     "A header line is not a name, a colon and a value, or holds a character that may not be "
     "there"},
    {"host", "A request has exactly one Host header, with the name or address it was sent to"},
    {"method", "The method holds a character that may not be there"},
    {"percent_encoding",
     "A % in the path is not followed by two hexadecimal digits, or stands for NUL"},
    {"request_line", "The request line is not a method, a target and HTTP/1.1, one space between"},
    {"target",
     "The target is neither a path that begins with a slash nor an http URL, or holds a character "
     "that has to be percent-encoded"},
    {"target_too_long", "The request line is longer than this server takes"},
    {"timeout", "The request did not arrive in time"},
    {"transfer_coding", "The only transfer coding that this server knows is chunked"},
    {"transfer_encoding",
     "Transfer-Encoding has to be chunked, once and last, and is not for HTTP/1.0"},
    {"version", "This server speaks HTTP/1.1 and HTTP/1.0"},
};

constexpr std::string_view unknown_cause = "an exception of an unknown type";

}  // namespace

Response answer_to_malformed(const Malformed& why) {
    for (const auto& [reason, detail] : details) {
        if (reason == why.reason) return json({{"detail", detail}}, why.status);
    }
    return error(why.status);
}

std::string cause_of(const std::exception_ptr& thrown) {
    try {
        std::rethrow_exception(thrown);
    } catch (const std::exception& error) {
        const char* const what = error.what();
        std::string cause(what != nullptr ? std::string_view(what) : unknown_cause);
        // Not std::rethrow_if_nested, which ends the process when there is nothing in it.
        const auto* const outer = dynamic_cast<const std::nested_exception*>(&error);
        if (outer == nullptr || outer->nested_ptr() == nullptr) return cause;
        return cause.append(": ").append(cause_of(outer->nested_ptr()));
    } catch (...) {
        return std::string(unknown_cause);
    }
}

std::string_view error_type_of_cut_stream(const std::exception_ptr& thrown) {
    try {
        std::rethrow_exception(thrown);
    } catch (const db::SlowReader&) {
        return error_types::slow_client;
    } catch (...) {
        return error_types::stream_failed;
    }
}

Response answer_to_error(const std::exception_ptr& thrown, context::RequestContext& context,
                         Request& request) {
    if (context.cancelled != context::Cancelled::no) {
        return answer_to_cancellation(context);
    }
    if (auto response = answer_of_route(thrown, context, request)) return *std::move(response);
    try {
        std::rethrow_exception(thrown);
    } catch (const HttpError& http_error) {
        context.set_error_cause(http_error.what());
        context.error_type = http_error.error_type();
        return answer_to_http_error(http_error);
    } catch (const db::Unavailable& unavailable) {
        context.set_error_cause(unavailable.what());
        context.error_type = error_type(unavailable.reason());
        if (unavailable.reason() == db::Unavailable::Reason::queue_full) {
            context.shed = context::Shed::database_queue;
        }
        return service_unavailable();
    } catch (const db::Error& refused) {
        context.set_error_cause(cause_of(thrown));
        return answer_to_refusal(refused, context);
    } catch (const db::UnknownOutcome& unknown) {
        context.set_error_cause(unknown.what());
        context.error_type = "unknown_outcome";
        // Without Retry-After: whoever comes back must look first.
        return json({{"detail", "Whether it was done is unknown"}}, 503);
    } catch (const db::SlowReader& slow) {
        context.set_error_cause(slow.what());
        context.error_type = error_types::slow_client;
        return service_unavailable();
    } catch (...) {
        context.set_error_cause(cause_of(thrown));
    }
    return error(500);
}

}  // namespace signalbox::http
