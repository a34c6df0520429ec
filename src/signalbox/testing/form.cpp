#include "signalbox/testing/form.hpp"

#include <algorithm>

#include "signalbox/http/wire/uri.hpp"

namespace signalbox::test {

namespace {

/// As WHATWG has it, "multipart/form-data encoding algorithm".
std::string in_quotes(std::string_view name) {
    std::string text = "\"";
    for (const char c : name) {
        if (c == '"') {
            text += "%22";
        } else if (c == '\r') {
            text += "%0D";
        } else if (c == '\n') {
            text += "%0A";
        } else {
            text += c;
        }
    }
    return text + '"';
}

}  // namespace

Form& Form::field(std::string name, std::string value) {
    fields_.push_back({.name = std::move(name), .value = std::move(value)});
    return *this;
}

Form& Form::file(std::string name, std::string filename, std::string content,
                 std::string content_type) {
    fields_.push_back({.name = std::move(name),
                       .value = std::move(content),
                       .is_file = true,
                       .filename = std::move(filename),
                       .content_type = std::move(content_type)});
    return *this;
}

std::string Form::content_type() const {
    return is_multipart() ? "multipart/form-data; boundary=" + boundary()
                          : "application/x-www-form-urlencoded";
}

std::string Form::body() const {
    std::string body;
    if (!is_multipart()) {
        for (const Field& field : fields_) {
            if (!body.empty()) body += '&';
            body += http::percent_encode(field.name, "");
            body += '=';
            body += http::percent_encode(field.value, "");
        }
        return body;
    }
    const std::string delimiter = "--" + boundary();
    for (const Field& field : fields_) {
        body.append(delimiter).append("\r\nContent-Disposition: form-data; name=");
        body.append(in_quotes(field.name));
        if (field.is_file) {
            body.append("; filename=").append(in_quotes(field.filename));
            body.append("\r\nContent-Type: ").append(field.content_type);
        }
        body.append("\r\n\r\n").append(field.value).append("\r\n");
    }
    return body.append(delimiter).append("--\r\n");
}

bool Form::is_multipart() const {
    return std::any_of(fields_.begin(), fields_.end(),
                       [](const Field& field) { return field.is_file; });
}

std::string Form::boundary() const {
    std::string boundary = "form-boundary";
    const auto has_it = [&boundary](const Field& field) {
        return field.value.find(boundary) != std::string::npos;
    };
    for (int i = 0; std::any_of(fields_.begin(), fields_.end(), has_it); ++i)
        boundary = "form-boundary-" + std::to_string(i);
    return boundary;
}

}  // namespace signalbox::test
