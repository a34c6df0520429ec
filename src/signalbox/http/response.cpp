#include "signalbox/http/response.hpp"

#include "signalbox/fast/json_writer.hpp"
#include "signalbox/fast/random.hpp"
#include "signalbox/http/wire/uri.hpp"

namespace signalbox::http {

Response json(std::initializer_list<std::pair<std::string_view, JsonValue>> object, int status) {
    std::string text;
    text.reserve(64);
    JsonWriter writer(text);
    writer.begin_object();
    for (const auto& [key, value] : object) {
        writer.key(key);
        std::visit([&](const auto& known) { writer.value(known); }, value);
    }
    writer.end_object();
    return {.status = status, .body = std::move(text)};
}

Response json(JsonText text) {
    return {.body = std::move(text)};
}

StreamingResponse stream(std::string content_type, Stream body, int status) {
    // As Starlette does it. Events are UTF-8 by their own standard.
    if (content_type.starts_with("text/") && content_type != "text/event-stream" &&
        content_type.find("charset=") == std::string::npos) {
        content_type += "; charset=utf-8";
    }
    return StreamingResponse({.status = status,
                              .content_type = std::move(content_type),
                              .stream = std::make_shared<const Stream>(std::move(body))});
}

Response error(int status) {
    return json({{"detail", reason_phrase(status)}}, status);
}

Response redirect(std::string_view location, int status) {
    return {.status = status,
            .headers = {{"Location", percent_encode(location, ":/%#?=@[]!$&'()*+,;")}}};
}

Response service_unavailable(std::string_view detail) {
    Response response = detail.empty() ? error(503) : json({{"detail", detail}}, 503);
    response.headers.emplace_back("Retry-After", std::to_string(1 + random_number() % 3));
    return response;
}

std::string_view reason_phrase(int status) {
    switch (status) {
        case 100:
            return "Continue";
        case 101:
            return "Switching Protocols";
        case 102:
            return "Processing";
        case 103:
            return "Early Hints";
        case 200:
            return "OK";
        case 201:
            return "Created";
        case 202:
            return "Accepted";
        case 203:
            return "Non-Authoritative Information";
        case 204:
            return "No Content";
        case 205:
            return "Reset Content";
        case 206:
            return "Partial Content";
        case 207:
            return "Multi-Status";
        case 208:
            return "Already Reported";
        case 226:
            return "IM Used";
        case 300:
            return "Multiple Choices";
        case 301:
            return "Moved Permanently";
        case 302:
            return "Found";
        case 303:
            return "See Other";
        case 304:
            return "Not Modified";
        case 305:
            return "Use Proxy";
        case 307:
            return "Temporary Redirect";
        case 308:
            return "Permanent Redirect";
        case 400:
            return "Bad Request";
        case 401:
            return "Unauthorized";
        case 402:
            return "Payment Required";
        case 403:
            return "Forbidden";
        case 404:
            return "Not Found";
        case 405:
            return "Method Not Allowed";
        case 406:
            return "Not Acceptable";
        case 407:
            return "Proxy Authentication Required";
        case 408:
            return "Request Timeout";
        case 409:
            return "Conflict";
        case 410:
            return "Gone";
        case 411:
            return "Length Required";
        case 412:
            return "Precondition Failed";
        case 413:
            return "Request Entity Too Large";
        case 414:
            return "Request-URI Too Long";
        case 415:
            return "Unsupported Media Type";
        case 416:
            return "Requested Range Not Satisfiable";
        case 417:
            return "Expectation Failed";
        case 418:
            return "I'm a Teapot";
        case 421:
            return "Misdirected Request";
        case 422:
            return "Unprocessable Entity";
        case 423:
            return "Locked";
        case 424:
            return "Failed Dependency";
        case 425:
            return "Too Early";
        case 426:
            return "Upgrade Required";
        case 428:
            return "Precondition Required";
        case 429:
            return "Too Many Requests";
        case 431:
            return "Request Header Fields Too Large";
        case 451:
            return "Unavailable For Legal Reasons";
        case 500:
            return "Internal Server Error";
        case 501:
            return "Not Implemented";
        case 502:
            return "Bad Gateway";
        case 503:
            return "Service Unavailable";
        case 504:
            return "Gateway Timeout";
        case 505:
            return "HTTP Version Not Supported";
        case 506:
            return "Variant Also Negotiates";
        case 507:
            return "Insufficient Storage";
        case 508:
            return "Loop Detected";
        case 510:
            return "Not Extended";
        case 511:
            return "Network Authentication Required";
        default:
            return status < 400 ? "OK" : "Error";
    }
}

}  // namespace signalbox::http
