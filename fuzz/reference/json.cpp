#include "reference/json.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdlib>

#include "reference/utf8.hpp"

namespace signalbox::fuzz {

namespace {

/// Without recursion: what is open is kept in a text.
class Grammar {
  public:
    explicit Grammar(std::string_view text) : rest_(text) {}

    std::optional<ReferenceJson> read() {
        std::string open;
        for (;;) {
            space();
            // A value, or the end of an empty one.
            const char opened = open.empty() || !just_opened_ ? '\0' : open.back();
            if (opened == '[' && take(']')) {
                open.pop_back();
                result_.text += ']';
            } else if (opened == '{' && take('}')) {
                open.pop_back();
                result_.text += '}';
            } else {
                if (!open.empty() && open.back() == '{' && !name()) return std::nullopt;
                if (take('[') || take('{')) {
                    open += taken_;
                    result_.text += taken_;
                    result_.depth = std::max(result_.depth, open.size());
                    just_opened_ = true;
                    continue;
                }
                if (!scalar()) return std::nullopt;
            }
            just_opened_ = false;
            // Behind a value.
            for (;;) {
                space();
                if (open.empty()) {
                    if (!rest_.empty()) return std::nullopt;
                    return result_;
                }
                if (take(',')) {
                    result_.text += ',';
                    break;
                }
                if (!take(open.back() == '[' ? ']' : '}')) return std::nullopt;
                result_.text += taken_;
                open.pop_back();
            }
        }
    }

  private:
    bool take(char c) {
        if (!rest_.starts_with(c)) return false;
        rest_.remove_prefix(1);
        taken_ = c;
        return true;
    }
    bool take(std::string_view word) {
        if (!rest_.starts_with(word)) return false;
        rest_.remove_prefix(word.size());
        result_.text += word;
        return true;
    }
    void space() {
        while (take(' ') || take('\t') || take('\n') || take('\r')) {
        }
    }
    bool name() {
        if (!string()) return false;
        space();
        if (!take(':')) return false;
        result_.text += ':';
        space();
        return true;
    }
    bool scalar() {
        return rest_.starts_with('"') ? string()
                                      : take("null") || take("true") || take("false") || number();
    }
    std::size_t digits(std::size_t at) const {
        std::size_t end = at;
        while (end < rest_.size() && rest_[end] >= '0' && rest_[end] <= '9')
            ++end;
        return end - at;
    }
    bool number() {
        std::size_t size = rest_.starts_with('-') ? 1 : 0;
        const std::size_t whole = digits(size);
        if (whole == 0 || (whole > 1 && rest_[size] == '0')) return false;
        size += whole;
        if (size < rest_.size() && rest_[size] == '.') {
            const std::size_t fraction = digits(size + 1);
            if (fraction == 0) return false;
            size += 1 + fraction;
        }
        if (size < rest_.size() && (rest_[size] == 'e' || rest_[size] == 'E')) {
            ++size;
            if (size < rest_.size() && (rest_[size] == '+' || rest_[size] == '-')) ++size;
            const std::size_t exponent = digits(size);
            if (exponent == 0) return false;
            size += exponent;
        }
        const std::string text(rest_.substr(0, size));
        const auto exponent = text.find_first_of("eE");
        const bool large_exponent =
            exponent != text.npos && std::strtol(text.c_str() + exponent + 1, nullptr, 10) > 250;
        if (large_exponent || std::abs(std::strtod(text.c_str(), nullptr)) > 1e307)
            result_.large_number = true;
        result_.text += text;
        rest_.remove_prefix(size);
        return true;
    }
    std::optional<std::uint32_t> code() {
        if (rest_.size() < 4) return std::nullopt;
        std::uint32_t value = 0;
        for (int i = 0; i < 4; ++i) {
            const std::string_view all = "0123456789abcdef0123456789ABCDEF";
            const auto digit = all.find(rest_[static_cast<std::size_t>(i)]);
            if (digit == all.npos) return std::nullopt;
            value = value * 16 + static_cast<std::uint32_t>(digit % 16);
        }
        rest_.remove_prefix(4);
        return value;
    }
    void append(std::uint32_t code_point) {
        if (code_point < 0x80) {
            append_character(static_cast<char>(code_point));
        } else if (code_point < 0x800) {
            append_bytes({0xC0U | code_point >> 6U, 0x80U | (code_point & 0x3FU)});
        } else if (code_point < 0x10000) {
            append_bytes({0xE0U | code_point >> 12U, 0x80U | (code_point >> 6U & 0x3FU),
                          0x80U | (code_point & 0x3FU)});
        } else {
            append_bytes({0xF0U | code_point >> 18U, 0x80U | (code_point >> 12U & 0x3FU),
                          0x80U | (code_point >> 6U & 0x3FU), 0x80U | (code_point & 0x3FU)});
        }
    }
    void append_bytes(std::initializer_list<std::uint32_t> bytes) {
        for (const std::uint32_t byte : bytes)
            result_.text += static_cast<char>(byte);
    }
    void append_character(char c) {
        constexpr std::string_view escaped = "\"\\\b\f\n\r\t", letters = "\"\\bfnrt";
        if (const auto at = escaped.find(c); at != escaped.npos) {
            result_.text += '\\';
            result_.text += letters[at];
        } else if (static_cast<unsigned char>(c) < 0x20) {
            constexpr std::string_view hex = "0123456789abcdef";
            result_.text += "\\u00";
            result_.text += hex[static_cast<unsigned char>(c) / 16];
            result_.text += hex[static_cast<unsigned char>(c) % 16];
        } else {
            result_.text += c;
        }
    }
    bool string() {
        if (!take('"')) return false;
        result_.text += '"';
        while (!rest_.empty()) {
            const char c = rest_.front();
            rest_.remove_prefix(1);
            if (c == '"') {
                result_.text += '"';
                return true;
            }
            if (static_cast<unsigned char>(c) < 0x20) return false;
            if (c != '\\') {
                append_character(c);
                continue;
            }
            if (rest_.empty()) return false;
            const char letter = rest_.front();
            rest_.remove_prefix(1);
            if (letter != 'u') {
                constexpr std::string_view letters = "\"\\/bfnrt", meant = "\"\\/\b\f\n\r\t";
                const auto at = letters.find(letter);
                if (at == letters.npos) return false;
                append_character(meant[at]);
                continue;
            }
            auto value = code();
            if (!value || (*value >= 0xDC00 && *value < 0xE000)) return false;
            if (*value >= 0xD800 && *value < 0xDC00) {
                if (!rest_.starts_with("\\u")) return false;
                rest_.remove_prefix(2);
                const auto low = code();
                if (!low || *low < 0xDC00 || *low >= 0xE000) return false;
                value = 0x10000 + ((*value - 0xD800) << 10U) + (*low - 0xDC00);
            }
            append(*value);
        }
        return false;
    }

    std::string_view rest_;
    char taken_ = '\0';
    bool just_opened_ = false;
    ReferenceJson result_;
};

}  // namespace

std::optional<ReferenceJson> reference_json(std::string_view text) {
    if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
    if (reference_utf8(text) != text) return std::nullopt;
    return Grammar(text).read();
}

}  // namespace signalbox::fuzz
