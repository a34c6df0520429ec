#include "signalbox/model/json_tree.hpp"

#include <rapidjson/reader.h>

#include <algorithm>
#include <charconv>
#include <utility>

#include "signalbox/ascii.hpp"
#include "signalbox/fast/json_string.hpp"
#include "signalbox/fast/json_writer.hpp"
#include "signalbox/utf8.hpp"

namespace signalbox::model {

namespace {

/// In text that is UTF-8 otherwise.
bool has_surrogate(std::string_view text) {
    for (auto at = text.find('\xED'); at != text.npos; at = text.find('\xED', at + 1)) {
        if (at + 1 < text.size() && static_cast<unsigned char>(text[at + 1]) >= 0xA0) return true;
    }
    return false;
}

}  // namespace

/// What rapidjson calls for each value. False ends the reading.
struct JsonTree::Handler {
    std::vector<JsonNode>& nodes;
    std::vector<std::uint32_t> open{};
    bool too_deep = false;

    bool add(JsonNode node) {
        nodes.push_back(node);
        return true;
    }
    bool begin(JsonNode::Kind kind) {
        too_deep = open.size() >= deepest;
        if (too_deep) return false;
        open.push_back(static_cast<std::uint32_t>(nodes.size()));
        return add({.kind = kind});
    }
    bool end(std::uint32_t count) {
        JsonNode& node = nodes[open.back()];
        node.count = count;
        node.next = static_cast<std::uint32_t>(nodes.size()) - open.back();
        open.pop_back();
        return true;
    }

    // NOLINTBEGIN(readability-identifier-naming): rapidjson's names
    bool Null() { return add({}); }
    bool Bool(bool truth) { return add({.kind = JsonNode::Kind::boolean, .truth = truth}); }
    bool RawNumber(const char* text, rapidjson::SizeType size, bool) {
        return add({.kind = JsonNode::Kind::number, .text = {text, size}});
    }
    bool String(const char* text, rapidjson::SizeType size, bool) {
        // rapidjson lets the second half of a pair stand alone: an escape is all that makes one.
        if (has_surrogate({text, size})) return false;
        return add({.kind = JsonNode::Kind::string, .text = {text, size}});
    }
    bool Key(const char* text, rapidjson::SizeType size, bool copy) {
        return String(text, size, copy);
    }
    bool StartObject() { return begin(JsonNode::Kind::object); }
    bool EndObject(rapidjson::SizeType count) { return end(count); }
    bool StartArray() { return begin(JsonNode::Kind::array); }
    bool EndArray(rapidjson::SizeType count) { return end(count); }

    // Never called, for numbers are left as they are.
    bool Int(int) { return false; }
    bool Uint(unsigned) { return false; }
    bool Int64(std::int64_t) { return false; }
    bool Uint64(std::uint64_t) { return false; }
    bool Double(double) { return false; }
    // NOLINTEND(readability-identifier-naming)
};

namespace {

constexpr std::string_view byte_order_mark = "\xEF\xBB\xBF";

/// Bytes. Of larger texts it is worth while to count the values, for as much as growing step by
/// step would take three times the memory.
constexpr std::size_t large_text = 64 * 1024;

/// Of a JSON text, names of members included: as many as that, or a few more.
std::size_t count_values(std::string_view text) noexcept {
    std::size_t count = 1;
    bool in_string = false;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        if (c == '"') {
            in_string = !in_string;
        } else if (in_string) {
            if (c == '\\') ++i;
        } else if (c == ',' || c == ':' || c == '[' || c == '{') {
            ++count;
        }
    }
    return count;
}

bool is_utf8(std::string_view text) {
    std::string mended;
    append_utf8(mended, text);
    return mended == text;
}

}  // namespace

std::size_t JsonTree::memory_to_read(std::string_view text) noexcept {
    static_assert(sizeof(JsonNode) == 32, "as its comment says");
    return text.size() + count_values(text) * sizeof(JsonNode);
}

std::optional<JsonTree::Fault> JsonTree::read(std::string_view text) {
    constexpr unsigned flags = rapidjson::kParseInsituFlag | rapidjson::kParseIterativeFlag |
                               rapidjson::kParseValidateEncodingFlag |
                               rapidjson::kParseNumbersAsStringsFlag;
    if (text.starts_with(byte_order_mark)) text.remove_prefix(byte_order_mark.size());
    nodes_.clear();
    nodes_.reserve(text.size() > large_text
                       ? count_values(text)
                       : std::min<std::size_t>(text.size() / 8 + 1, 64));  // as many as most have
    // Where a character is cut short at the end, rapidjson reads the rest of it all the same.
    constexpr std::size_t longest_character = 4;
    text_.reserve(text.size() + longest_character);
    text_ = text;
    text_.append(longest_character, '\0');
    Handler handler{nodes_};
    rapidjson::Reader reader;
    // For rapidjson a NUL is the end, whatever comes behind it.
    const bool has_nul = text.find('\0') != std::string_view::npos;
    rapidjson::InsituStringStream stream(text_.data());
    if (!has_nul && reader.Parse<flags>(stream, handler)) return std::nullopt;
    if (!is_utf8(text)) return Fault{.reason = "no UTF-8", .unreadable = true};
    if (handler.too_deep) return Fault{.reason = "nested too deep", .unreadable = true};
    if (auto fault = strict_fault(text)) return fault;
    // Python would take it for infinity.
    return Fault{.reason = "Number out of range",
                 .position = count_characters(
                     text.substr(0, std::min(reader.GetErrorOffset(), text.size())))};
}

namespace {

/// The way of CPython's Modules/_json.c (3.13), which says where it stops and why.
class PythonJson {
  public:
    using Fault = JsonTree::Fault;

    explicit PythonJson(std::string_view text) : text_(text) {}

    /// What it is that Python takes all the same, although it is no JSON.
    const std::optional<Fault>& beyond_json() const { return beyond_json_; }

    std::optional<Fault> fault() {
        skip_space();
        if (!value()) return fault_;
        while (!fault_ && !closers_.empty()) {
            // Behind a value in an array or an object.
            skip_space();
            const char closer = closers_.back();
            if (peek() == closer) {
                ++at_;
                closers_.pop_back();
                continue;
            }
            if (peek() != ',') return fail("Expecting ',' delimiter", at_);
            const std::size_t comma = at_++;
            skip_space();
            if (peek() == closer) {
                return fail(closer == '}' ? "Illegal trailing comma before end of object"
                                          : "Illegal trailing comma before end of array",
                            comma);
            }
            if (closer == '}' && !key()) return fault_;
            if (!value()) return fault_;
        }
        skip_space();
        if (at_ != text_.size()) return fail("Extra data", at_);
        return std::nullopt;
    }

  private:
    std::optional<Fault> fail(std::string_view reason, std::size_t at) {
        fault_ = Fault{.reason = std::string(reason),
                       .position = count_characters(text_.substr(0, std::min(at, text_.size())))};
        return fault_;
    }
    void note(std::string_view reason, std::size_t at) {
        if (!beyond_json_) {
            beyond_json_ = Fault{.reason = std::string(reason),
                                 .position = count_characters(text_.substr(0, at))};
        }
    }
    int peek() const {
        return at_ < text_.size() ? static_cast<unsigned char>(text_[at_]) : end_of_text;
    }
    void skip_space() {
        while (peek() == ' ' || peek() == '\t' || peek() == '\n' || peek() == '\r')
            ++at_;
    }

    /// Up to the end of a scalar, or into arrays and objects up to their first scalar.
    bool value() {
        for (;;) {
            const int c = peek();
            if (c == '{') {
                ++at_;
                skip_space();
                if (peek() == '}') return ++at_, true;
                closers_ += '}';
                if (!key()) return false;
            } else if (c == '[') {
                ++at_;
                skip_space();
                if (peek() == ']') return ++at_, true;
                closers_ += ']';
            } else {
                return scalar();
            }
        }
    }

    bool key() {
        if (peek() != '"') {
            fail("Expecting property name enclosed in double quotes", at_);
            return false;
        }
        if (!string()) return false;
        skip_space();
        if (peek() != ':') {
            fail("Expecting ':' delimiter", at_);
            return false;
        }
        ++at_;
        skip_space();
        return true;
    }

    bool scalar() {
        if (peek() == '"') return string();
        const std::string_view rest = text_.substr(at_);
        for (const std::string_view word : {"null", "true", "false"}) {
            if (rest.starts_with(word)) return at_ += word.size(), true;
        }
        for (const std::string_view word : {"NaN", "Infinity", "-Infinity"}) {
            if (!rest.starts_with(word)) continue;
            note("Expecting value", at_);
            return at_ += word.size(), true;
        }
        return number();
    }

    bool is_digit() const { return signalbox::is_digit(static_cast<char>(peek())); }
    void digits() {
        while (is_digit())
            ++at_;
    }
    bool number() {
        const std::size_t begin = at_;
        if (peek() == '-') ++at_;
        if (!is_digit()) {
            fail("Expecting value", begin);
            return false;
        }
        if (peek() == '0') {
            ++at_;
        } else {
            digits();
        }
        // What does not go on as a number ends it.
        if (peek() == '.') {
            const std::size_t point = at_++;
            if (!is_digit()) return at_ = point, true;
            digits();
        }
        if (peek() == 'e' || peek() == 'E') {
            const std::size_t exponent = at_++;
            if (peek() == '+' || peek() == '-') ++at_;
            if (!is_digit()) return at_ = exponent, true;
            digits();
        }
        return true;
    }

    static constexpr bool is_high(unsigned code) { return code >= 0xD800 && code < 0xDC00; }
    static constexpr bool is_low(unsigned code) { return code >= 0xDC00 && code < 0xE000; }

    /// The four digits behind `\u`, which stands before.
    std::optional<unsigned> code_of_escape() {
        const std::string_view digits = text_.substr(at_, 4);
        unsigned code = 0;
        const auto [end, error] =
            std::from_chars(digits.data(), digits.data() + digits.size(), code, 16);
        // Python does not read the last character of a text for a digit.
        if (digits.size() != 4 || end != digits.data() + 4 || error != std::errc{} ||
            at_ + 4 >= text_.size()) {
            return std::nullopt;
        }
        at_ += 4;
        return code;
    }

    bool string() {
        constexpr std::string_view lone_half = "Invalid \\uXXXX escape";
        const std::size_t begin = at_++;
        constexpr std::size_t none = std::string_view::npos;
        std::size_t half = none;  // of a pair, where its other half has to follow
        for (;;) {
            const int c = peek();
            if (c == end_of_text) break;
            if (c == '"') {
                if (half != none) note(lone_half, half);
                return ++at_, true;
            }
            if (c < 0x20) {
                fail("Invalid control character at", at_);
                return false;
            }
            ++at_;
            const int escaped = c == '\\' ? peek() : 0;
            if (escaped == end_of_text) break;
            if (escaped == 'u') {
                const std::size_t u = at_++;
                const auto code = code_of_escape();
                if (!code) {
                    fail("Invalid \\uXXXX escape", u);
                    return false;
                }
                if (half != none && !is_low(*code)) note(lone_half, half);
                if (half == none && is_low(*code)) note(lone_half, u);
                half = is_high(*code) ? u : none;
                continue;
            }
            if (half != none) note(lone_half, half);
            half = none;
            if (c != '\\') continue;
            if (std::string_view("\"\\/bfnrt").find(static_cast<char>(escaped)) ==
                std::string_view::npos) {
                fail("Invalid \\escape", at_ - 1);
                return false;
            }
            ++at_;
        }
        fail("Unterminated string starting at", begin);
        return false;
    }

    static constexpr int end_of_text = -1;

    const std::string_view text_;
    std::size_t at_ = 0;
    std::string closers_;  ///< of the arrays and objects that are open
    std::optional<Fault> fault_;
    std::optional<Fault> beyond_json_;
};

/// A number as Python writes what it has read of it: a float by its shortest digits.
std::string python_number(std::string_view text) {
    if (text == "-0") return "0";
    double number = 0;
    if (text.find_first_of(".eE") == text.npos ||
        std::from_chars(text.data(), text.data() + text.size(), number).ec != std::errc{}) {
        return std::string(text);
    }
    std::string json;
    JsonWriter(json).value(number);
    if (json.find_first_of(".e") == json.npos) json += ".0";
    return json;
}

/// Writes one value; past `most` bytes only what closes what is open.
class Excerpt {
  public:
    enum class Numbers { python, as_sent };

    Excerpt(std::string& output, std::size_t most, Numbers numbers)
        : json_(output),
          output_(output),
          end_(most == unbounded ? most : output.size() + most),
          numbers_(numbers) {}

    static constexpr std::size_t unbounded = static_cast<std::size_t>(-1);

    void write(const JsonNode& node) {
        switch (node.kind) {
            case JsonNode::Kind::null:
                json_.value(nullptr);
                return;
            case JsonNode::Kind::boolean:
                json_.value(node.truth);
                return;
            case JsonNode::Kind::number:
                if (end_ != unbounded && node.text.size() > room() + longest_number) {
                    json_.value(cut);
                } else if (numbers_ == Numbers::python) {
                    json_.verbatim(python_number(node.text));
                } else {
                    json_.verbatim(node.text);
                }
                return;
            case JsonNode::Kind::string:
                text(node.text);
                return;
            case JsonNode::Kind::file:
                if (node.text.size() > room()) {
                    json_.value(cut);
                } else {
                    json_.verbatim(node.text);
                }
                return;
            case JsonNode::Kind::array: {
                json_.begin_array();
                const JsonNode* item = JsonTree::first_in(node);
                for (std::uint32_t i = 0; i < node.count; ++i, item = JsonTree::after(*item)) {
                    if (room() == 0) {
                        json_.value(cut);
                        break;
                    }
                    write(*item);
                }
                json_.end_array();
                return;
            }
            case JsonNode::Kind::object: {
                json_.begin_object();
                const JsonNode* name = JsonTree::first_in(node);
                for (std::uint32_t i = 0; i < node.count; ++i) {
                    if (room() == 0) {
                        json_.key(cut).value(cut);
                        break;
                    }
                    const JsonNode* const value = JsonTree::after(*name);
                    if (name->text.size() > room()) {
                        json_.key(cut);
                    } else {
                        json_.key(name->text);
                    }
                    write(*value);
                    name = JsonTree::after(*value);
                }
                json_.end_object();
                return;
            }
        }
    }

  private:
    static constexpr std::string_view cut = "…";
    static constexpr std::size_t longest_number = 32;

    std::size_t room() const { return end_ > output_.size() ? end_ - output_.size() : 0; }
    void text(std::string_view text) {
        if (text.size() <= room()) {
            json_.value(text);
            return;
        }
        std::size_t size = room();
        while (size > 0 && is_continuation(text[size]))
            --size;  // not within a character
        json_.value(std::string(text.substr(0, size)).append(cut));
    }

    JsonWriter json_;
    std::string& output_;
    const std::size_t end_;
    const Numbers numbers_;
};

}  // namespace

std::optional<JsonTree::Fault> python_fault(std::string_view utf8) {
    return PythonJson(utf8).fault();
}

std::optional<JsonTree::Fault> strict_fault(std::string_view utf8) {
    PythonJson reader(utf8);
    if (auto fault = reader.fault()) return fault;
    return reader.beyond_json();
}

std::string excerpt(const JsonNode& node, std::size_t most_bytes) {
    std::string json;
    Excerpt(json, most_bytes, Excerpt::Numbers::python).write(node);
    return json;
}

std::string json_of(const JsonNode& node) {
    std::string json;
    Excerpt(json, Excerpt::unbounded, Excerpt::Numbers::as_sent).write(node);
    return json;
}

}  // namespace signalbox::model
