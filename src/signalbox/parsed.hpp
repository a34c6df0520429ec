#pragma once

#include <string>
#include <utility>
#include <variant>

namespace signalbox {

/// Why a text is not a value. It completes the sentence "--flag: …", so it has no capital letter
/// and no full stop.
struct Invalid {
    std::string reason;
};

/// A parser's result: the value, or the reason why the text is not one.
///
///     if (const auto timeout = parse_duration(text)) use(*timeout);
///     else complain(timeout.reason());
template <typename T>
class Parsed {
  public:
    Parsed(T value) : result_(std::in_place_index<0>, std::move(value)) {}
    Parsed(Invalid invalid) : result_(std::in_place_index<1>, std::move(invalid)) {}

    explicit operator bool() const { return result_.index() == 0; }

    /// Only where the parse succeeded; throws std::bad_variant_access elsewhere.
    const T& operator*() const { return std::get<0>(result_); }
    const T* operator->() const { return &std::get<0>(result_); }

    /// Only where the parse failed; throws std::bad_variant_access elsewhere.
    const std::string& reason() const { return std::get<1>(result_).reason; }

  private:
    std::variant<T, Invalid> result_;
};

}  // namespace signalbox
