#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>

// A JsonText is passed on, json_writer.hpp writes JSON, json_reader.hpp reads it. Text is escaped
// here and nowhere else.

namespace signalbox {

/// A finished JSON text, immutable and shared: copying one costs a reference count, so every
/// client that waits for the same answer is served from the same bytes. Any thread may read it.
class JsonText {
  public:
    /// No text at all, which is not valid JSON; to be assigned to.
    JsonText() = default;
    /// Takes the text over without copying or checking it.
    explicit JsonText(std::string text) {
        auto owner = std::make_shared<const Owner>(std::move(text));
        const std::string_view* const view = &owner->view;
        text_ = {std::move(owner), view};
    }
    /// A text that is kept elsewhere: the pointer owns the view's bytes.
    explicit JsonText(std::shared_ptr<const std::string_view> text) noexcept
        : text_(std::move(text)) {}

    /// Valid as long as this or any copy of it lives.
    [[nodiscard]] std::string_view text() const noexcept {
        return text_ ? *text_ : std::string_view{};
    }
    /// What keeps the text: all copies have the same. Null when there is none.
    [[nodiscard]] const std::shared_ptr<const std::string_view>& owner() const noexcept {
        return text_;
    }

  private:
    struct Owner {
        explicit Owner(std::string its_text) : text(std::move(its_text)) {}
        std::string text;
        std::string_view view = text;
    };

    std::shared_ptr<const std::string_view> text_;
};

/// Appends `text` as a JSON string with its quotes. The result is valid JSON and valid UTF-8
/// whatever the bytes: what is not UTF-8 becomes U+FFFD, one for each broken sequence as browsers
/// and Python do it. Throws nothing but std::bad_alloc.
void append_json_string(std::string& json, std::string_view text);

/// `text` as a JSON string with its quotes; see append_json_string.
[[nodiscard]] std::string json_string(std::string_view text);

/// Appends `text` as it is, but for what is not UTF-8: see append_json_string.
void append_utf8(std::string& output, std::string_view text);

}  // namespace signalbox
