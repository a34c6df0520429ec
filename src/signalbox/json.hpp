#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>

// A JsonText is passed on, fast/json_writer.hpp writes JSON, json_reader.hpp reads it. Text is
// escaped in fast/json_string.hpp and nowhere else.

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

}  // namespace signalbox
