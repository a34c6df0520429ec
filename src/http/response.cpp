#include "http/response.hpp"

#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

namespace signalbox::http {

namespace {

using Writer = rapidjson::Writer<rapidjson::StringBuffer>;

struct WriteValue {
    Writer& writer;

    void operator()(std::nullptr_t) const { writer.Null(); }
    void operator()(bool value) const { writer.Bool(value); }
    void operator()(std::int64_t value) const { writer.Int64(value); }
    void operator()(double value) const { writer.Double(value); }
    void operator()(std::string_view value) const {
        writer.String(value.data(), static_cast<rapidjson::SizeType>(value.size()));
    }
};

}  // namespace

Response json(std::initializer_list<std::pair<std::string_view, JsonValue>> object, int status) {
    rapidjson::StringBuffer buffer;
    Writer writer(buffer);
    writer.StartObject();
    for (const auto& [key, value] : object) {
        writer.Key(key.data(), static_cast<rapidjson::SizeType>(key.size()));
        std::visit(WriteValue{writer}, value);
    }
    writer.EndObject();
    return {.status = status, .body = std::string(buffer.GetString(), buffer.GetSize())};
}

Response json(Json text) {
    return {.body = std::move(text)};
}

Response error(int status) {
    return json({{"detail", reason_phrase(status)}}, status);
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
