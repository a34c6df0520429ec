#pragma once

#include <cstddef>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>

#include "signalbox/model/type.hpp"
#include "signalbox/model/validation_error.hpp"

namespace signalbox::model {

class JsonTree;
struct JsonNode;

// In all of these `value` is a new object of this type, with its defaults. Faults are added to
// `errors` in the words of pydantic 2's lax mode, in which "1" is an integer as well; the object
// must not be used then. Those that can make something much larger than what was sent return about
// how many bytes of memory its lists and maps take.

/// A text of a path, query, header or cookie. Not for objects and maps.
void read_text(std::string_view text, const Type& type, void* value, const Location& location,
               ValidationErrors& errors);
/// All texts of one name, into a list.
std::size_t read_texts(std::span<const std::string_view> texts, const Type& list, void* value,
                       const Location& location, ValidationErrors& errors);
/// For a member that is required and was not sent.
void add_missing(const Location& location, ValidationErrors& errors);

/// A JSON text that was read.
std::size_t read_json(const JsonTree& json, const Type& type, void* value, const Location& location,
                      ValidationErrors& errors);

/// A form's fields, as the object that they would be in JSON. A node that is a file has its place
/// in `files`: the object to assign from. Members are texts, files, or lists of them (is_of_form).
void read_form(const JsonNode& form, std::span<const void* const> files, const Type& type,
               void* value, const Location& location, ValidationErrors& errors);

/// How much of a value an error repeats, in bytes of JSON.
inline constexpr std::size_t longest_input = 2048;

/// Thrown by from_json.
class InvalidJson : public std::invalid_argument {
  public:
    using std::invalid_argument::invalid_argument;
};

namespace detail {
void read_or_throw(std::string_view json, const Type& type, void* value);
}  // namespace detail

/// Reads a value from JSON, for a program's own use. Throws InvalidJson with what is wrong.
template <class T>
T from_json(std::string_view json) {
    T value{};
    detail::read_or_throw(json, type_of<T>, &value);
    return value;
}

/// Checks that a model and all that is in it can be read. Throws std::invalid_argument that names
/// the member, for a pattern that is not valid, a default on a plain member, a variant whose
/// alternatives cannot be told apart, or a name that two members have.
void check_model(const Type& type);

/// Whether a value of this type can be read from one text, or as a list from several.
bool is_text(const Type& type, bool or_several);

/// Whether it can be a member of a form: a text, a file, or several.
bool is_of_form(const Type& type);
/// Whether it is a file or has one in it.
bool has_file(const Type& type);

}  // namespace signalbox::model
