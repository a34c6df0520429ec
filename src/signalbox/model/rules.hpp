#pragma once

#include <atomic>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string_view>
#include <type_traits>

// What a value has to be besides having its type, in the words of pydantic's Field() and of JSON
// Schema: `Field<std::string, MinLength(3), MaxLength(20)>`. Write rules without an argument with
// braces, `Required{}`: with parentheses they would be the type of a function.
namespace signalbox::model {

/// An integer or a floating-point number, or none.
struct Number {
    enum class Kind : std::uint8_t { none, integer, floating };

    constexpr Number() = default;
    constexpr Number(std::integral auto number)  // NOLINT: a number is one
        : kind(Kind::integer), integer(static_cast<std::int64_t>(number)) {}
    constexpr Number(std::floating_point auto number)  // NOLINT
        : kind(Kind::floating), floating(static_cast<double>(number)) {}

    constexpr explicit operator bool() const noexcept { return kind != Kind::none; }

    Kind kind = Kind::none;
    std::int64_t integer = 0;
    double floating = 0;
};

/// A pattern that RE2 compiles once for the process. RE2's syntax has neither look-around nor back
/// references, so a match takes time in proportion to the text, whoever writes it.
class Expression {
  public:
    constexpr explicit Expression(std::string_view pattern) : pattern_(pattern) {}

    std::string_view pattern() const noexcept { return pattern_; }
    /// Anywhere in the text. Threads: any.
    bool matches(std::string_view text) const;
    /// Throws std::invalid_argument that says what is wrong with the pattern.
    void check() const;

  private:
    const void* compiled() const;

    const std::string_view pattern_;
    mutable std::atomic<const void*> compiled_ = nullptr;
};

enum class Format : std::uint8_t { none, email, url };

/// All rules of one value. When it breaks several, the error names the first in this order.
struct Rules {
    Number multiple_of, le, lt, ge, gt;
    std::size_t min_length = 0;  ///< of a text in characters, of a list or map in items
    std::size_t max_length = std::numeric_limits<std::size_t>::max();
    std::size_t max_digits = 0;                                            ///< of a Decimal; 0: any
    std::size_t decimal_places = std::numeric_limits<std::size_t>::max();  ///< of a Decimal
    const Expression* pattern = nullptr;
    Format format = Format::none;
    bool required = false;  ///< also where it can be null

    std::string_view discriminator{};  ///< of a std::variant
    std::string_view alias{};          ///< what it is called outside of the program

    std::string_view title{};  ///< for the documents
    std::string_view description{};
    std::string_view example_json{};
    bool deprecated = false;

    constexpr bool has_length() const noexcept {
        return min_length != 0 || max_length != std::numeric_limits<std::size_t>::max();
    }
    constexpr bool has_bounds() const noexcept { return multiple_of || le || lt || ge || gt; }
};

namespace detail {

/// Texts that are part of a type.
template <std::size_t size>
struct Text {
    constexpr Text(const char (&text)[size]) {  // NOLINT: a literal is a text
        std::char_traits<char>::copy(characters, text, size);
    }
    constexpr std::string_view view() const noexcept { return {characters, size - 1}; }
    char characters[size]{};
};

/// Rules are template arguments: there is one object of each, which lives as long as the program.
template <auto rule>
inline constexpr const auto& kept = rule;

template <Text pattern>
inline constinit Expression expression{kept<pattern>.view()};

template <Number Rules::*member, class T>
struct Bound {
    T number;
    template <auto self>
    constexpr void apply(Rules& rules) const {
        rules.*member = Number(number);
    }
};
template <std::size_t Rules::*member>
struct Size {
    std::size_t number;
    template <auto self>
    constexpr void apply(Rules& rules) const {
        rules.*member = number;
    }
};
template <std::string_view Rules::*member, std::size_t size>
struct Word {
    Text<size> text;
    template <auto self>
    constexpr void apply(Rules& rules) const {
        rules.*member = kept<self>.text.view();
    }
};

}  // namespace detail

/// Greater than, greater or equal, less than, less or equal; for integers, floating-point numbers
/// and Decimal.
template <class T>
struct Gt : detail::Bound<&Rules::gt, T> {
    constexpr explicit Gt(T number) : detail::Bound<&Rules::gt, T>{number} {}
};
template <class T>
struct Ge : detail::Bound<&Rules::ge, T> {
    constexpr explicit Ge(T number) : detail::Bound<&Rules::ge, T>{number} {}
};
template <class T>
struct Lt : detail::Bound<&Rules::lt, T> {
    constexpr explicit Lt(T number) : detail::Bound<&Rules::lt, T>{number} {}
};
template <class T>
struct Le : detail::Bound<&Rules::le, T> {
    constexpr explicit Le(T number) : detail::Bound<&Rules::le, T>{number} {}
};
template <class T>
struct MultipleOf : detail::Bound<&Rules::multiple_of, T> {
    constexpr explicit MultipleOf(T number) : detail::Bound<&Rules::multiple_of, T>{number} {}
};

/// The length of a text in characters (code points), or of a list or map in items.
struct MinLength : detail::Size<&Rules::min_length> {
    constexpr explicit MinLength(std::size_t number) : Size{number} {}
};
struct MaxLength : detail::Size<&Rules::max_length> {
    constexpr explicit MaxLength(std::size_t number) : Size{number} {}
};
/// Of a Decimal.
struct MaxDigits : detail::Size<&Rules::max_digits> {
    constexpr explicit MaxDigits(std::size_t number) : Size{number} {}
};
struct DecimalPlaces : detail::Size<&Rules::decimal_places> {
    constexpr explicit DecimalPlaces(std::size_t number) : Size{number} {}
};

/// A regular expression (RE2) that has to match somewhere in the text: anchor it by `^` and `$`.
/// The start refuses one that is not valid.
template <std::size_t size>
struct Pattern {
    constexpr explicit Pattern(const char (&pattern)[size]) : text(pattern) {}
    template <auto self>
    constexpr void apply(Rules& rules) const {
        rules.pattern = &detail::expression<self.text>;
    }
    detail::Text<size> text;
};

/// Its name in requests and responses, when C++ cannot have that name:
/// `Field<std::string, Alias("content-type")> content_type`.
template <std::size_t size>
struct Alias : detail::Word<&Rules::alias, size> {
    constexpr explicit Alias(const char (&name)[size]) : detail::Word<&Rules::alias, size>{name} {}
};
/// The member whose value tells the alternatives of a std::variant apart: a Literal in each.
template <std::size_t size>
struct Discriminator : detail::Word<&Rules::discriminator, size> {
    constexpr explicit Discriminator(const char (&name)[size])
        : detail::Word<&Rules::discriminator, size>{name} {}
};
/// For the documents.
template <std::size_t size>
struct Title : detail::Word<&Rules::title, size> {
    constexpr explicit Title(const char (&text)[size]) : detail::Word<&Rules::title, size>{text} {}
};
template <std::size_t size>
struct Description : detail::Word<&Rules::description, size> {
    constexpr explicit Description(const char (&text)[size])
        : detail::Word<&Rules::description, size>{text} {}
};
/// In JSON.
template <std::size_t size>
struct Example : detail::Word<&Rules::example_json, size> {
    constexpr explicit Example(const char (&json)[size])
        : detail::Word<&Rules::example_json, size>{json} {}
};
struct Deprecated {
    template <auto self>
    constexpr void apply(Rules& rules) const {
        rules.deprecated = true;
    }
};
/// A std::optional that has to be sent, even as null: `Field<std::optional<int>, Required{}>`.
struct Required {
    template <auto self>
    constexpr void apply(Rules& rules) const {
        rules.required = true;
    }
};
/// See Email and Url, which have it.
struct OfFormat {
    constexpr explicit OfFormat(Format its_format) : format(its_format) {}
    Format format;
    template <auto self>
    constexpr void apply(Rules& rules) const {
        rules.format = format;
    }
};

/// A member with rules, or with a default: `Field<int, Ge(1)> quantity = 1;`. Without a default it
/// has to be sent, unless it is a std::optional. It converts to its value; `*field` says so where
/// the compiler asks. Rules are for requests: what the program assigns is not checked.
template <class T, auto... rules>
class Field {
  public:
    using Value = T;

    Field() = default;
    template <class U = T>
    requires(std::constructible_from<T, U&&>&& std::convertible_to<U&&, T> &&
             !std::same_as<std::remove_cvref_t<U>, Field>)
        Field(U&& value)  // NOLINT: a value is a field
        : value_(std::forward<U>(value)), state_(State::default_value) {}
    template <class U = T>
    requires(std::assignable_from<T&, U&&> && !std::same_as<std::remove_cvref_t<U>, Field>) Field&
    operator=(U&& value) {
        value_ = std::forward<U>(value);
        state_ = State::set;
        return *this;
    }

    const T& operator*() const noexcept { return value_; }
    T& operator*() noexcept { return value_; }
    const T* operator->() const noexcept { return &value_; }
    T* operator->() noexcept { return &value_; }
    operator const T&() const noexcept { return value_; }  // NOLINT

    /// Whether the client sent it, even as null, or the program assigned it; its default does not
    /// count. For PATCH.
    bool is_set() const noexcept { return state_ == State::set; }
    bool has_default() const noexcept { return state_ == State::default_value; }
    /// For reading requests: where the value goes. It counts as sent from now on.
    T& set() noexcept {
        state_ = State::set;
        return value_;
    }

    static constexpr Rules add_rules(Rules all) {
        (detail::kept<rules>.template apply<rules>(all), ...);
        return all;
    }

  private:
    enum class State : std::uint8_t { unset, default_value, set };

    T value_{};
    State state_ = State::unset;
};

}  // namespace signalbox::model
