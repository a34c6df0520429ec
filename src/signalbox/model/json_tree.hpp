#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "signalbox/parsed.hpp"

namespace signalbox::model {

/// One value of a JSON text. The values that it contains follow it.
struct JsonNode {
    enum class Kind : std::uint8_t {
        null,
        boolean,
        number,
        string,
        array,
        object,
        file,  ///< of a form, not of a JSON text: `count` says which, `text` is JSON about it
    };

    Kind kind = Kind::null;
    bool truth = false;
    std::uint32_t count = 0;  ///< of items or members
    /// How many nodes further the next value outside of this one is.
    std::uint32_t next = 1;
    std::string_view text{};  ///< of a string without escapes; of a number as it was written
};

/// A JSON text, read: all its values in their order, a member's name before its value. Made by
/// rapidjson, with numbers left as they were written. It keeps a copy of the text.
///
/// Memory: 32 bytes a value besides the text; memory_to_read() says how much before. Lifetime:
/// views of it live until it is read again or destroyed.
class JsonTree {
  public:
    /// Why a text is no JSON, as Python's json module says it.
    struct Fault {
        std::string reason;        ///< `Expecting value`
        std::size_t position = 0;  ///< in characters
        /// It is no text at all (no UTF-8), or nested deeper than anybody needs.
        bool unreadable = false;
    };

    /// RFC 8259, strictly: Python's NaN and Infinity are refused, and so are lone surrogates. A
    /// byte order mark is ignored.
    std::optional<Fault> read(std::string_view text);

    /// What reading a text takes at most, in bytes: its values are counted for that.
    static std::size_t memory_to_read(std::string_view text) noexcept;

    /// In bytes. Without a value it was not read, or cleared.
    std::size_t memory_size() const noexcept {
        return text_.capacity() + nodes_.capacity() * sizeof(JsonNode);
    }
    bool empty() const noexcept { return nodes_.empty(); }

    /// Gives the memory back.
    void clear() noexcept {
        // An assignment would keep their memory.
        std::vector<JsonNode>().swap(nodes_);
        std::string().swap(text_);
    }

    const JsonNode& root() const { return nodes_.front(); }
    static const JsonNode* first_in(const JsonNode& node) { return &node + 1; }
    static const JsonNode* after(const JsonNode& node) { return &node + node.next; }

    static constexpr std::size_t deepest = 500;

  private:
    struct Handler;

    std::string text_;
    std::vector<JsonNode> nodes_;
};

/// What Python's json.loads (3.13) finds wrong with a text, or nothing where it would read it.
std::optional<JsonTree::Fault> python_fault(std::string_view utf8);

/// The same, and also what Python would read although it is no JSON: NaN, Infinity, half of a
/// surrogate pair.
std::optional<JsonTree::Fault> strict_fault(std::string_view utf8);

/// As JSON again, at most about `most_bytes` of it: `…` replaces the rest. Numbers are written as
/// Python writes them, `1e+19` for 1e19, since FastAPI repeats them to the client so.
std::string excerpt(const JsonNode& node, std::size_t most_bytes);
/// All of it, with the numbers as they were sent.
std::string json_of(const JsonNode& node);

}  // namespace signalbox::model
