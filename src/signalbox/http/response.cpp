#include "signalbox/http/response.hpp"

#include "signalbox/json_writer.hpp"
#include "signalbox/random.hpp"

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

Response error(int status) {
    return json({{"detail", reason_phrase(status)}}, status);
}

Response service_unavailable() {
    Response response = error(503);
    response.headers.emplace_back("Retry-After", std::to_string(1 + random_number() % 3));
    return response;
}

std::string_view reason_phrase(int status) {
    switch (status) {
        case 100:
            return "Continue";
        case 200:
            return "OK";
        case 201:
            return "Created";
        case 202:
            return "Accepted";
        case 204:
            return "No Content";
        case 304:
            return "Not Modified";
        case 307:
            return "Temporary Redirect";
        case 400:
            return "Bad Request";
        case 401:
            return "Unauthorized";
        case 403:
            return "Forbidden";
        case 404:
            return "Not Found";
        case 405:
            return "Method Not Allowed";
        case 408:
            return "Request Timeout";
        case 409:
            return "Conflict";
        case 413:
            return "Request Entity Too Large";
        case 414:
            return "Request-URI Too Long";
        case 415:
            return "Unsupported Media Type";
        case 417:
            return "Expectation Failed";
        case 422:
            return "Unprocessable Entity";
        case 429:
            return "Too Many Requests";
        case 431:
            return "Request Header Fields Too Large";
        case 500:
            return "Internal Server Error";
        case 501:
            return "Not Implemented";
        case 503:
            return "Service Unavailable";
        case 504:
            return "Gateway Timeout";
        case 505:
            return "HTTP Version Not Supported";
        default:
            return status < 400 ? "OK" : "Error";
    }
}

}  // namespace signalbox::http
