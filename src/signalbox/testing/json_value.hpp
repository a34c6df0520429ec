#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <iosfwd>
#include <memory>
#include <string>
#include <string_view>

namespace signalbox::test {

/// A value of a JSON text, to be compared with what a test expects:
///
///     EXPECT_EQ(response.json()["user"]["name"], "ada");
///     EXPECT_EQ(response.json(), JsonValue::parse(R"([{"id": 1}])"));
///
/// Two values are equal whatever the order of members is. Lifetime: its own; it keeps the text's
/// other values.
class JsonValue {
  public:
    /// Throws std::invalid_argument that says where the text is wrong.
    static JsonValue parse(std::string_view text);

    /// A member, or an element. Throw std::out_of_range that shows the value when it has none.
    JsonValue operator[](std::string_view member) const;
    JsonValue operator[](std::size_t element) const;

    bool has(std::string_view member) const;
    std::size_t size() const;  ///< of an array or object; 0 for anything else
    bool is_null() const;

    /// Throw std::invalid_argument that shows the value when it is something else.
    std::string string() const;
    std::int64_t integer() const;
    double number() const;  ///< an integer, too
    bool boolean() const;

    /// As JSON, without spaces.
    std::string text() const;

    friend bool operator==(const JsonValue& a, const JsonValue& b) { return a.equals(b); }
    friend bool operator==(const JsonValue& a, std::string_view b) { return a.is(b); }
    friend bool operator==(const JsonValue& a, std::nullptr_t) { return a.is_null(); }
    template <std::same_as<bool> Bool>
    friend bool operator==(const JsonValue& a, Bool b) {
        return a.is(b);
    }
    template <std::integral Number>
    requires(!std::same_as<Number, bool>) friend bool operator==(const JsonValue& a, Number b) {
        return a.is(static_cast<std::int64_t>(b));
    }
    template <std::floating_point Number>
    friend bool operator==(const JsonValue& a, Number b) {
        return a.is(static_cast<double>(b));
    }
    friend std::ostream& operator<<(std::ostream& out, const JsonValue& value);

  private:
    struct Document;

    JsonValue(std::shared_ptr<const Document> document, const void* value)
        : document_(std::move(document)), value_(value) {}

    bool equals(const JsonValue& other) const;
    bool is(std::string_view text) const;
    bool is(std::int64_t number) const;
    bool is(double number) const;
    bool is(bool truth) const;

    std::shared_ptr<const Document> document_;
    const void* value_;  ///< in `document_`
};

}  // namespace signalbox::test
