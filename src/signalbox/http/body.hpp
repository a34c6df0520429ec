#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "signalbox/json.hpp"

namespace signalbox::http {

/// The bytes of a response, or of a piece of one: its own, or a share of a buffer that several
/// responses send.
class Body {
  public:
    Body() = default;
    Body(std::string text) : own_(std::move(text)) {}      // NOLINT: a string is a body
    Body(std::string_view text) : own_(text) {}            // NOLINT
    Body(const char* text) : own_(text) {}                 // NOLINT
    Body(JsonText shared) : shared_(std::move(shared)) {}  // NOLINT

    std::string_view view() const noexcept {
        return own_.empty() ? shared_.text() : std::string_view(own_);
    }
    /// The buffer that several responses may send; none when the bytes are its own.
    const JsonText& shared() const noexcept { return shared_; }

  private:
    std::string own_;
    JsonText shared_;
};

}  // namespace signalbox::http
