#pragma once

#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "signalbox/fast/json_string.hpp"

namespace signalbox {

/// A key of a literal, made when the program is compiled. It must need no escaping.
template <std::size_t size>
struct JsonKey {
    consteval JsonKey(const char (&name)[size]) {  // NOLINT: a literal is a name
        for (const char c : std::string_view(name, size - 1)) {
            if (c < 0x20 || c == 0x7f || c == '"' || c == '\\') throw "a key that needs escaping";
        }
        using Traits = std::char_traits<char>;
        Traits::copy(text, ",\"", 2);
        Traits::copy(text + 2, name, size - 1);
        Traits::copy(text + size + 1, "\":", 2);
    }
    constexpr std::string_view json() const { return {text, size + 3}; }
    constexpr std::string_view name() const { return {text + 2, size - 1}; }

    char text[size + 3];  ///< `,"name":`
};

/// A key that is known while the program runs, as JsonWriter::written_key takes it.
[[nodiscard]] std::string json_key(std::string_view name);

/// Writes JSON behind what stands in a string already: it sets the commas and escapes the texts
/// (append_json_string), and keeps nothing but whether the next value needs a comma. All JSON of
/// this program is written by it, the log's lines and the database's rows included.
///
///     JsonWriter json(text);
///     json.begin_object().key<"level">().value("info").key<"loops">().value(2).end_object();
///
/// That brackets match and each key has a value is the caller's part. The string must outlive it.
class JsonWriter {
  public:
    explicit JsonWriter(std::string& output) : output_(output) {}

    JsonWriter& begin_object() { return begin('{'); }
    JsonWriter& end_object() { return end('}'); }
    JsonWriter& begin_array() { return begin('['); }
    JsonWriter& end_array() { return end(']'); }

    template <JsonKey name>
    JsonWriter& key() {
        return written_key(name.json());
    }
    JsonWriter& key(std::string_view name) {
        append_json_string(place(), name);
        output_ += ':';
        comma_ = false;
        return *this;
    }
    /// One of json_key(), for who writes the same keys again and again.
    JsonWriter& written_key(std::string_view key) {
        key.remove_prefix(comma_ ? 0 : 1);
        output_.append(key);
        comma_ = false;
        return *this;
    }

    JsonWriter& value(std::string_view text) {
        append_json_string(place(), text);
        return *this;
    }
    JsonWriter& value(std::same_as<bool> auto truth) { return verbatim(truth ? "true" : "false"); }
    JsonWriter& value(std::nullptr_t) { return verbatim("null"); }
    JsonWriter& value(std::signed_integral auto number) { return integer(std::int64_t{number}); }
    JsonWriter& value(std::unsigned_integral auto number) requires(
        !std::same_as<decltype(number), bool>) {
        return integer(std::uint64_t{number});
    }
    /// The shortest text that is read back as the same number. JSON knows neither infinity nor NaN:
    /// they are null, as in browsers.
    JsonWriter& value(double number);
    /// In seconds with six digits behind the point, rounded.
    JsonWriter& value(std::chrono::nanoseconds duration);

    /// A value that is JSON already.
    JsonWriter& verbatim(std::string_view json) {
        place().append(json);
        return *this;
    }
    /// Where the caller has to append one value, in JSON.
    std::string& place() {
        if (comma_) output_ += ',';
        comma_ = true;
        return output_;
    }

  private:
    JsonWriter& begin(char bracket) {
        if (comma_) output_ += ',';
        output_ += bracket;
        comma_ = false;
        return *this;
    }
    JsonWriter& end(char bracket) {
        output_ += bracket;
        comma_ = true;
        return *this;
    }
    JsonWriter& integer(std::int64_t number);
    JsonWriter& integer(std::uint64_t number);

    std::string& output_;
    bool comma_ = false;  ///< what comes next is not the first
};

}  // namespace signalbox
