#pragma once

#include <string>
#include <string_view>

#include "signalbox/model/json_tree.hpp"
#include "signalbox/model/reader.hpp"
#include "signalbox/model/type.hpp"

namespace signalbox::model {

/// Reads a value of this type from JSON, as the body of a request. Empty when all is well.
template <class T>
ValidationErrors read_value(std::string_view json, T& value) {
    ValidationErrors errors;
    JsonTree tree;
    if (const auto fault = tree.read(json)) {
        errors.add("json_invalid", {.name = "body"}, fault->reason, "null");
    } else {
        read_json(tree, type_of<T>, &value, {.name = "body"}, errors);
    }
    return errors;
}

/// What comes of it: the value as it is written again, or `type: message` of each error, with where
/// it is if that is not the whole body.
template <class T>
std::string outcome(std::string_view json) {
    T value{};
    const ValidationErrors errors = read_value(json, value);
    if (errors.empty()) return to_json(value);
    std::string text;
    for (const ValidationError& error : errors.list()) {
        if (!text.empty()) text += '\n';
        text += error.type + ": ";
        if (error.loc_json != R"(["body"])") text += error.loc_json + " ";
        text += error.msg;
    }
    return text;
}

/// The errors as the client gets them.
template <class T>
std::string errors_json(std::string_view json) {
    T value{};
    return read_value(json, value).json();
}

}  // namespace signalbox::model
