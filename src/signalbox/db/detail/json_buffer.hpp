#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "signalbox/json.hpp"

namespace signalbox::db {

/// Where JSON of unknown length is written. Up to a piece it is a string. Beyond that, what is
/// written is kept in pages that are never copied to grow. There are at most an eighth more of them
/// than are in use, and none to spare when it is finished. A string that doubles would take three
/// times its bytes while it is copied.
///
///     JsonBuffer buffer;
///     JsonWriter json(buffer.text());
///     for (…) { json.value(…); buffer.keep(); }
///     return buffer.finish();
///
/// Throws std::bad_alloc.
class JsonBuffer {
  public:
    /// Of the string, in bytes, beside what is written between two calls of keep().
    static constexpr std::size_t piece = 65536;

    JsonBuffer() = default;

    /// What was written since the last keep() that had enough.
    [[nodiscard]] std::string& text() noexcept { return text_; }

    /// To be called after each part. Sets the string free for the next one when it is long enough.
    void keep() {
        if (text_.size() >= piece) keep_text();
    }

    /// For `times` parts like what is there now, but no more than a piece: the others may be
    /// smaller.
    void expect(std::size_t times);

    /// As append_json_string, but keeps what is done on the way.
    void append_long_string(std::string_view text);
    /// As append_utf8.
    void append_long_json(std::string_view text);

    /// All of it. The buffer is not to be used any more.
    [[nodiscard]] JsonText finish();

  private:
    class Pages;

    void keep_text();
    template <class Append>
    void append_in_pieces(std::string_view text, Append append);

    std::string text_;
    std::shared_ptr<Pages> pages_;
};

}  // namespace signalbox::db
