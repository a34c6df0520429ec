#include "signalbox/context/log_fields.hpp"

#include <algorithm>
#include <iterator>

#include "signalbox/ascii.hpp"

namespace signalbox::context {

namespace {

/// What the lines have that the library writes of a request.
constexpr std::string_view taken[]{
    "timestamp",
    "severity_text",
    "severity_number",
    "body",
    "service.name",
    "service.version",
    "service.instance.id",
    "service.namespace",
    "trace_id",
    "span_id",
    "trace_flags",
    "request_id",
    "http.request.method",
    "http.route",
    "http.response.status_code",
    "http.response.body.size",
    "url.path",
    "url.query",
    "user_agent.original",
    "client.address",
    "network.protocol.version",
    "duration_s",
    "in_flight",
    "db.wait_s",
    "db.use_s",
    "shared_read",
    "error.type",
    "error.message",
    "waiting_for",
    "waiting_s",
    "blocked_s",
    "log.left_out",
    "log.incomplete",
    "log.fields_left_out",
};

/// No character of UTF-8 is cut in two.
void shorten(std::string& text, std::size_t longest) {
    if (text.size() <= longest) return;
    while (longest > 0 && (static_cast<unsigned char>(text[longest]) & 0xC0U) == 0x80U)
        --longest;
    text.resize(longest);
}

}  // namespace

std::string log_field_name(std::string_view name) {
    std::string clean(name.empty() ? "_" : name);
    for (char& c : clean) {
        const bool plain = is_alphanumeric(c) || c == '_' || c == '.' || c == '-';
        if (!plain) c = '_';
    }
    return clean;
}

void LogFields::set(std::string_view name, Value value) {
    std::string clean = log_field_name(name.substr(0, longest_name));
    if (std::find(std::begin(taken), std::end(taken), clean) != std::end(taken)) clean += '_';
    if (auto* const text = std::get_if<std::string>(&value)) shorten(*text, longest_text);
    const auto known = std::find_if(fields_.begin(), fields_.end(),
                                    [&clean](const Field& field) { return field.first == clean; });
    if (known != fields_.end()) {
        known->second = std::move(value);
    } else if (fields_.size() < most) {
        fields_.emplace_back(std::move(clean), std::move(value));
    } else {
        ++left_out_;
    }
}

bool LogFields::has(std::string_view name) const noexcept {
    return std::any_of(fields_.begin(), fields_.end(),
                       [name](const Field& field) { return field.first == name; });
}

}  // namespace signalbox::context
