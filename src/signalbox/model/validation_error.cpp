#include "signalbox/model/validation_error.hpp"

#include <utility>

#include "signalbox/fast/json_writer.hpp"

namespace signalbox::model {

namespace {

constexpr std::size_t longest_name = 1024;

void append(JsonWriter& json, const Location& location) {
    if (location.outer != nullptr) append(json, *location.outer);
    if (location.index != Location::no_index) {
        json.value(location.index);
    } else {
        // A key can be as long as the body that it is in.
        json.value(location.name.substr(0, longest_name));
    }
}

std::string json_of(const Location& location) {
    std::string text;
    JsonWriter json(text);
    json.begin_array();
    append(json, location);
    json.end_array();
    return text;
}

}  // namespace

void ValidationErrors::add(std::string_view type, const Location& location,
                           std::string_view message, std::string input_json, std::string ctx_json) {
    if (full()) return;
    ValidationError error{.type = std::string(type),
                          .loc_json = json_of(location),
                          .msg = std::string(message),
                          .input_json = std::move(input_json),
                          .ctx_json = std::move(ctx_json)};
    size_ += error.type.size() + error.loc_json.size() + error.msg.size() +
             error.input_json.size() + error.ctx_json.size() + 50;
    if (full()) {
        error = {.type = "too_many_errors",
                 .loc_json = std::move(error.loc_json),
                 .msg = "Errors from here on are not listed",
                 .input_json = "null"};
    }
    list_.push_back(std::move(error));
}

std::string ValidationErrors::json() const {
    std::string text;
    text.reserve(size_ + 16);
    JsonWriter json(text);
    json.begin_array();
    for (const ValidationError& error : list_) {
        json.begin_object();
        json.key<"type">().value(error.type);
        json.key<"loc">().verbatim(error.loc_json);
        json.key<"msg">().value(error.msg);
        json.key<"input">().verbatim(error.input_json);
        if (!error.ctx_json.empty()) json.key<"ctx">().verbatim(error.ctx_json);
        json.end_object();
    }
    json.end_array();
    return text;
}

}  // namespace signalbox::model
