#pragma once

#include <array>
#include <concepts>
#include <cstddef>
#include <cstdlib>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>

#include "signalbox/model/bind_members.hpp"

// The names of a struct's members, of an enum's values, of types and functions, read out of what
// the compiler calls them: no macro, no generated code. g++ 12 and later, clang 14 and later.
namespace signalbox::model::detail {

/// Stands for a value of any type while the members of `T` are counted; not for `T` itself, or a
/// copy would count as a member. It is never asked for the value, but clang wants a definition.
template <class T>
struct AnyOf {
    template <class U>
    requires(!std::same_as<std::remove_cvref_t<U>, T>) operator U() const { std::abort(); }
};
/// Only for what `T` is derived from.
template <class T>
struct AnyBaseOf {
    template <class U>
    requires(std::is_base_of_v<U, T> && !std::same_as<U, T>) operator U() const { std::abort(); }
};
struct AnyClass {
    template <class U>
    requires(std::is_class_v<U> || std::is_union_v<U>) operator U() const { std::abort(); }
};
struct AnyNumber {
    template <class U>
    requires(std::is_arithmetic_v<U> || std::is_enum_v<U>) operator U() const { std::abort(); }
};

template <class T, class Any, std::size_t... i>
consteval bool takes(std::index_sequence<i...>) {
    return requires {
        T{(static_cast<void>(i), Any{})...};
    };
}
template <class T, class Any, std::size_t n = 0>
consteval std::size_t count_initializers() {
    if constexpr (n <= most_members && takes<T, Any>(std::make_index_sequence<n + 1>())) {
        return count_initializers<T, Any, n + 1>();
    } else {
        return n;
    }
}

/// Whether a number stands for the member behind as many others, and two in braces do, but no
/// object does: a C array takes as many initializers as it has elements.
template <class T, std::size_t... i>
consteval bool is_array_behind(std::index_sequence<i...>) {
    // NOLINTNEXTLINE(bugprone-branch-clone): the second is asked only where the first holds
    if constexpr (!requires { T{(static_cast<void>(i), AnyOf<T>{})..., AnyNumber{}}; }) {
        return false;
    } else if constexpr (!requires {
                             T{(static_cast<void>(i), AnyOf<T>{})..., {AnyNumber{}, AnyNumber{}}};
                         }) {
        return false;
    } else {
        return !requires {
            T{(static_cast<void>(i), AnyOf<T>{})..., AnyClass{}};
        };
    }
}
template <class T, std::size_t... i>
consteval bool has_array(std::index_sequence<i...>) {
    return (is_array_behind<T>(std::make_index_sequence<i>()) || ...);
}

template <class T>
consteval std::size_t count_members() {
    static_assert(
        !std::is_polymorphic_v<T> && std::is_aggregate_v<T>,
        "a model is a struct without constructors, virtual functions and private members");
    static_assert(!takes<T, AnyBaseOf<T>>(std::make_index_sequence<1>()),
                  "a model has no base class: write a member Flatten<Base> instead");
    constexpr std::size_t count = count_initializers<T, AnyOf<T>>();
    static_assert(count <= most_members, "a model has at most 64 members: nest another struct");
    static_assert(!has_array<T>(std::make_index_sequence<(count < most_members ? count : 0)>()),
                  "a model has no C array: write a std::vector");
    return count;
}

/// `use(member, …)` with those of an object.
template <class T, class Use>
constexpr decltype(auto) visit_members(T& object, Use use) {
    return with_members<count_members<std::remove_const_t<T>>()>(object, use);
}

/// Memory for an object that is never made: only the addresses of its members are used.
template <class T>
union Unmade {
    char nothing;
    T object;
    constexpr Unmade() : nothing() {}
    constexpr ~Unmade() {}  // NOLINT(modernize-use-equals-default): that would be none
};
template <class T>
inline constinit Unmade<T> unmade{};

/// clang 14 takes no pointer to a member of an object for a template argument, but a class that has
/// one.
template <class Pointer>
struct Boxed {
    Pointer pointer;
};
template <class Pointer>
Boxed(Pointer) -> Boxed<Pointer>;

/// One call for all members: what the compiler calls each of them stands in a list.
template <auto... boxed>
consteval std::string_view text_of_pointers() {
    return __PRETTY_FUNCTION__;
}

template <class T>
inline constexpr auto pointers_to_members = visit_members(unmade<T>.object, [](auto&... members) {
    return std::tuple{Boxed{&members}...};
});

template <class T, std::size_t... i>
consteval auto names_of_members(std::index_sequence<i...>) {
    std::string_view text = text_of_pointers<std::get<i>(pointers_to_members<T>)...>();
    std::array<std::string_view, sizeof...(i)> names;
    for (std::string_view& name : names) {
        // `…{(& unmade<shop::Order>.…::object.shop::Order::reference)}, …` to `reference`.
#ifdef __clang__
        constexpr std::string_view end = "}";
#else
        constexpr std::string_view end = ")}";
#endif
        const std::string_view one = text.substr(0, text.find(end));
        name = one.substr(one.find_last_of(":.") + 1);
        text.remove_prefix(one.size() + end.size());
    }
    return names;
}
/// In the order of their declaration.
template <class T>
inline constexpr auto member_names =
    names_of_members<T>(std::make_index_sequence<count_members<T>()>());

/// What stands behind `key`, without the namespaces: `[with T = shop::Order; …]` to `Order`.
consteval std::string_view last_word_after(std::string_view text, std::string_view key) {
    text = text.substr(text.find(key) + key.size());
    text = text.substr(0, text.find_first_of(";]"));
    if (const auto arguments = text.find('<'); arguments != text.npos && arguments > 0)
        text = text.substr(0, arguments);
    if (const auto colon = text.rfind(':'); colon != text.npos) text = text.substr(colon + 1);
    return text;
}
template <class T>
consteval std::string_view short_type_name() {
    return last_word_after(__PRETTY_FUNCTION__, "T = ");
}

/// One call for all values: what the compiler calls each of them stands in a list.
template <class E, E... values>
consteval std::string_view text_of_values() {
    return __PRETTY_FUNCTION__;
}

template <class E>
struct Enumerator {
    E value;
    std::string_view name;
};

inline constexpr int lowest_enumerator = -16;
inline constexpr int highest_enumerator = 127;

template <class E, std::size_t room>
struct Enumerators {
    std::array<Enumerator<E>, room> all{};
    std::size_t count = 0;
};

template <class E>
consteval int lowest_value() {
    return std::is_signed_v<std::underlying_type_t<E>> ? lowest_enumerator : 0;
}
template <class E>
consteval std::size_t values_to_try() {
    const int highest =
        sizeof(E) == 1 && std::is_signed_v<std::underlying_type_t<E>> ? 127 : highest_enumerator;
    const int count = highest - lowest_value<E>() + 1;
    return static_cast<std::size_t>(count);
}

/// Up to the comma that is in no brackets.
constexpr std::string_view first_of_list(std::string_view list) {
    int depth = 0;
    for (std::size_t i = 0; i < list.size(); ++i) {
        const char c = list[i];
        if (depth == 0 && c == ',') return list.substr(0, i);
        if (c == '(' || c == '<' || c == '{') ++depth;
        if ((c == ')' || c == '>' || c == '}') && --depth < 0) return list.substr(0, i);
    }
    return list;
}

template <class E, std::size_t... i>
consteval auto find_enumerators(std::index_sequence<i...>) {
    constexpr int lowest = lowest_value<E>();
    std::string_view text = text_of_values<E, static_cast<E>(lowest + static_cast<int>(i))...>();
#ifdef __clang__
    text = text.substr(text.find("values = <") + 10);
#else
    text = text.substr(text.find("values = {") + 10);
#endif
    Enumerators<E, sizeof...(i)> found;
    for (int value = lowest; value < lowest + static_cast<int>(sizeof...(i)); ++value) {
        const std::string_view one = first_of_list(text);
        text.remove_prefix(one.size() + 2 < text.size() ? one.size() + 2 : text.size());
        // `(shop::Status)2` is a value without a name, `(anonymous namespace)::Status::open` is
        // not.
        const auto bracket = one.rfind(')');
        if (bracket == one.npos || one.substr(bracket + 1).starts_with("::")) {
            found.all[found.count++] = {static_cast<E>(value), one.substr(one.rfind(':') + 1)};
        }
    }
    return found;
}
/// Those with a value from lowest_enumerator to highest_enumerator.
template <class E>
inline constexpr auto enumerators =
    find_enumerators<E>(std::make_index_sequence<values_to_try<E>()>());

}  // namespace signalbox::model::detail
