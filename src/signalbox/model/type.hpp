#pragma once

#include <array>
#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "signalbox/json.hpp"
#include "signalbox/model/reflect.hpp"
#include "signalbox/model/rules.hpp"
#include "signalbox/model/scalars.hpp"

/// The types that values in requests, responses and rows can have. A template says only what kind a
/// value is and where its parts are. Reading, writing and describing is compiled once for all
/// types, in this folder's .cpp files. Types and models live as long as the program and never
/// change: any thread may use them.
///
/// | C++                                          | JSON                                      |
/// |----------------------------------------------|-------------------------------------------|
/// | `bool`, integers, `float`, `double`          | boolean, numbers; floats round-trip       |
/// | `std::string`, `Email`, `Url`, `Literal<…>`  | strings                                   |
/// | `Decimal`, `Uuid`, `DateTime`,               |                                           |
/// | `std::chrono::year_month_day`,               |                                           |
/// | `std::chrono::microseconds`                  | strings                                   |
/// | `Bytes`                                      | strings, in base64                        |
/// | enums                                        | the enumerator's name, or what            |
/// |                                              | `wire_names(E)` says (see below), also    |
/// |                                              | numbers                                   |
/// | `std::optional<T>`                           | T or null                                 |
/// | `std::vector<T>`, `std::map<std::string, T>` | array, object                             |
/// | `Field<std::variant<A, B>, Discriminator(…)>`| an object that says which it is           |
/// | `JsonText`                                   | any                                       |
/// | `api::UploadFile`                            | none: it is a file of a form              |
/// | a struct without constructors                | an object with a member for each member   |
namespace signalbox::model {

struct Type;
struct Model;

/// What to do with members of a JSON object, query parameters and cookies that a model does not
/// have. They are ignored unless it says `static constexpr auto extra = Extra::forbid;`.
enum class Extra : std::uint8_t { ignore, forbid };

/// All members of `Base` as if they were written here: what inheritance would do.
template <class Base>
struct Flatten : Base {
    using Flattened = Base;
};

/// For an enum whose values are numbers outside of the program as well (Python's IntEnum):
/// `constexpr AsNumbers wire_names(Priority) { return {}; }`.
struct AsNumbers {};

/// One member of a model, as requests and responses name it.
struct Member {
    std::string_view name;
    std::string key;          ///< as JsonWriter::written_key takes it
    std::string header_name;  ///< `x-request-id` of `x_request_id`; an alias as it is
    const Type* type;
    std::size_t offset;
    bool required = true;        ///< in requests
    std::string default_json{};  ///< empty: none
};

/// A struct.
struct Model {
    std::string_view name;
    std::vector<Member> members;
    Extra extra = Extra::ignore;
    std::string_view description{};
    /// Calls its `void validate() const`, which throws std::invalid_argument with what is wrong.
    void (*validate)(const void*) = nullptr;
    /// Not empty: why it cannot be read from a request.
    std::string fault{};
};

struct Type {
    enum class Kind : std::uint8_t {
        boolean,
        integer,
        number,
        string,
        decimal,
        uuid,
        bytes,
        date_time,
        date,
        duration,
        choice,   ///< an enum
        literal,  ///< a Literal
        json,
        file,  ///< of a form; no JSON
        list,
        map,
        object,
        nullable,
        variant,
    };

    Kind kind;
    std::uint8_t size = 0;         ///< of an integer or number, in bytes
    bool is_signed = false;        ///< of an integer
    std::string_view name{};       ///< of an object or choice
    std::string_view full_name{};  ///< with its namespaces
    Rules rules{};
    const Type* inner = nullptr;  ///< of a list, map or nullable
    std::size_t item_size = 0;  ///< of a list or map: the bytes of memory that an item takes in it
    std::span<const std::string_view> choices{};  ///< of a choice or literal
    bool numbers = false;  ///< of a choice: its choices are integers, and so they are in JSON
    std::span<const Type* const> alternatives{};  ///< of a variant
    const Model& (*model)() = nullptr;            ///< of an object

    // How its parts are reached, from its address.
    void (*choose)(void*, std::size_t) = nullptr;   ///< of a choice or literal
    std::size_t (*chosen)(const void*) = nullptr;   ///< an index of choices, or past them
    void (*reserve)(void*, std::size_t) = nullptr;  ///< of a list
    void* (*add)(void*) = nullptr;   ///< of a list: one more item; of a nullable: its value
    void (*clear)(void*) = nullptr;  ///< of a nullable, list or map: empties it
    const void* (*item)(const void*, std::size_t) = nullptr;  ///< null when there is none
    void* (*insert)(void*, std::string_view) = nullptr;       ///< of a map
    void (*for_each)(const void*, void*, void (*)(void*, std::string_view, const void*)) = nullptr;
    void* (*emplace)(void*, std::size_t) = nullptr;  ///< of a variant
    std::pair<std::size_t, const void*> (*held)(const void*) = nullptr;
    void (*assign)(void*, const void*) = nullptr;  ///< of a file: from another

    // Of a Field: the value in it.
    void* (*set)(void*) = nullptr;
    const void* (*look)(const void*) = nullptr;
    bool (*has_default)(const void*) = nullptr;

    constexpr bool is_field() const noexcept { return set != nullptr; }
};

/// Appends a value's JSON to `json`. Throws std::logic_error for an enum's value without a name.
/// NaN and infinities are null; bytes of a text that are not UTF-8 are replaced.
void write_json(std::string& json, const Type& type, const void* value);

namespace detail {

template <class T>
consteval Type describe();

}  // namespace detail

/// A type for the files of forms, which says so: `using FormFile = …` itself.
template <class T>
concept FormFile = requires {
    requires std::same_as<typename T::FormFile, T>;
};

/// There is one for each type: compare addresses.
template <class T>
inline constexpr Type type_of = detail::describe<T>();

namespace detail {

template <class T>
inline constexpr bool is_field = false;
template <class T, auto... rules>
inline constexpr bool is_field<Field<T, rules...>> = true;
template <class T>
inline constexpr bool is_flatten = false;
template <class T>
inline constexpr bool is_flatten<Flatten<T>> = true;
template <class T>
inline constexpr bool is_literal = false;
template <Text... texts>
inline constexpr bool is_literal<Literal<texts...>> = true;

template <class T>
T& as(void* value) {
    return *static_cast<T*>(value);
}
template <class T>
const T& as(const void* value) {
    return *static_cast<const T*>(value);
}

template <class T>
const Model& model_of();

/// A member of a model, as the compiler knows it.
struct MemberSource {
    std::string_view name;
    const Type* type;        ///< null for a Flatten
    const void* place;       ///< in an object that is never made
    const void* (*zero)();   ///< a value of a plain member that nobody has given a default
    const Model& (*base)();  ///< of a Flatten
};

template <class T>
const void* zero_of() {
    static const T zero{};
    return &zero;
}

template <class T>
consteval MemberSource source_of(std::string_view name, const T* place) {
    if constexpr (is_flatten<T>) {
        return {name, nullptr, place, nullptr, model_of<typename T::Flattened>};
    } else if constexpr (is_field<T>) {
        return {name, &type_of<T>, place, nullptr, nullptr};
    } else {
        return {name, &type_of<T>, place, zero_of<T>, nullptr};
    }
}
template <class T, std::size_t... i>
consteval auto sources_of(std::index_sequence<i...>) {
    return std::array<MemberSource, sizeof...(i)>{
        source_of(member_names<T>[i], std::get<i>(pointers_to_members<T>).pointer)...};
}
template <class T>
inline constexpr auto member_sources =
    sources_of<T>(std::make_index_sequence<count_members<T>()>());

/// With the defaults of `object`. `unmade`: where the sources' places are.
Model add_members(Model model, std::span<const MemberSource> sources, const void* unmade,
                  const void* object);

template <class T>
const Model& model_of() {
    static const Model made = [] {
        Model model{.name = short_type_name<T>(), .members = {}};
        // A model's own member may have one of these names.
        if constexpr (requires { requires !std::is_member_pointer_v<decltype(&T::extra)>; })
            model.extra = T::extra;
        if constexpr (requires { requires !std::is_member_pointer_v<decltype(&T::description)>; })
            model.description = T::description;
        if constexpr (requires(const T& object) { object.validate(); })
            model.validate = [](const void* object) { as<T>(object).validate(); };
        const T object{};
        return add_members(std::move(model), member_sources<T>, &unmade<T>.object, &object);
    }();
    return made;
}

/// An integer in decimal, while the program is compiled.
struct Digits {
    constexpr explicit Digits(std::int64_t number) {
        std::uint64_t rest = number < 0 ? std::uint64_t{0} - static_cast<std::uint64_t>(number)
                                        : static_cast<std::uint64_t>(number);
        do {
            characters[--begin] = static_cast<char>('0' + rest % 10);
            rest /= 10;
        } while (rest != 0);
        if (number < 0) characters[--begin] = '-';
    }
    constexpr Digits() = default;
    constexpr std::string_view view() const { return {characters + begin, size - begin}; }

    static constexpr std::size_t size = 20;
    char characters[size]{};
    std::size_t begin = size;
};

/// The names of an enum's values for the outside: `constexpr auto wire_names(Status)` beside it
/// returns a std::array of pairs of value and name, or AsNumbers. Without one, the enumerators'
/// names; those with a value from -16 to 127 are found.
template <class E>
struct Choices {
    static constexpr bool numbers = [] {
        if constexpr (requires { wire_names(E{}); }) {
            return std::same_as<decltype(wire_names(E{})), AsNumbers>;
        } else {
            return false;
        }
    }();
    static constexpr auto all = [] {
        if constexpr (requires { wire_names(E{}).size(); }) {
            constexpr auto names = wire_names(E{});
            std::array<Enumerator<E>, std::size(names)> result{};
            for (std::size_t i = 0; i < result.size(); ++i)
                result[i] = {names[i].first, names[i].second};
            return result;
        } else {
            constexpr auto& found = enumerators<E>;
            std::array<Enumerator<E>, found.count> result{};
            for (std::size_t i = 0; i < result.size(); ++i)
                result[i] = found.all[i];
            return result;
        }
    }();
    static constexpr auto digits = [] {
        std::array<Digits, numbers ? all.size() : 0> result{};
        for (std::size_t i = 0; i < result.size(); ++i)
            result[i] = Digits(static_cast<std::int64_t>(all[i].value));
        return result;
    }();
    static constexpr auto names = [] {
        std::array<std::string_view, all.size()> result{};
        for (std::size_t i = 0; i < result.size(); ++i) {
            if constexpr (numbers) {
                result[i] = digits[i].view();
            } else {
                result[i] = all[i].name;
            }
        }
        return result;
    }();
};

template <class T>
struct Container {
    static constexpr bool known = false;
};
template <class T>
struct Container<std::optional<T>> {
    static constexpr bool known = true;
    static consteval Type describe() {
        using Optional = std::optional<T>;
        return {.kind = Type::Kind::nullable,
                .inner = &type_of<T>,
                .add = [](void* value) -> void* { return &as<Optional>(value).emplace(); },
                .clear = [](void* value) { as<Optional>(value).reset(); },
                .item = [](const void* value, std::size_t) -> const void* {
                    return as<Optional>(value) ? &*as<Optional>(value) : nullptr;
                }};
    }
};
template <class T>
struct Container<std::vector<T>> {
    static constexpr bool known = true;
    static consteval Type describe() {
        static_assert(!std::same_as<T, bool>,
                      "the items of a std::vector<bool> are no objects: write a "
                      "std::vector<Field<bool>>");
        using Vector = std::vector<T>;
        return {.kind = Type::Kind::list,
                .inner = &type_of<T>,
                .item_size = sizeof(T),
                .reserve = [](void* value, std::size_t size) { as<Vector>(value).reserve(size); },
                .add = [](void* value) -> void* { return &as<Vector>(value).emplace_back(); },
                .clear = [](void* value) { as<Vector>(value).clear(); },
                .item = [](const void* value, std::size_t i) -> const void* {
                    return i < as<Vector>(value).size() ? &as<Vector>(value)[i] : nullptr;
                }};
    }
};
template <class T>
struct Container<std::map<std::string, T>> {
    static constexpr bool known = true;
    static consteval Type describe() {
        using Map = std::map<std::string, T>;
        return {.kind = Type::Kind::map,
                .inner = &type_of<T>,
                .item_size = sizeof(typename Map::value_type) + 6 * sizeof(void*),
                .clear = [](void* value) { as<Map>(value).clear(); },
                .insert = [](void* value, std::string_view key) -> void* {
                    // What was there by this name is forgotten: the last one counts.
                    return &(as<Map>(value)[std::string(key)] = T{});
                },
                .for_each =
                    [](const void* value, void* context,
                       void (*use)(void*, std::string_view, const void*)) {
                        for (const auto& [key, each] : as<Map>(value))
                            use(context, key, &each);
                    }};
    }
};
template <class... T>
struct Container<std::variant<T...>> {
    static constexpr bool known = true;
    static constexpr std::array<const Type*, sizeof...(T)> alternatives{&type_of<T>...};
    static consteval Type describe() {
        using Variant = std::variant<T...>;
        return {.kind = Type::Kind::variant,
                .alternatives = alternatives,
                .emplace = [](void* value, std::size_t i) -> void* {
                    void* made = nullptr;
                    std::size_t n = 0;
                    ((n++ == i ? made = &as<Variant>(value).template emplace<T>() : nullptr), ...);
                    return made;
                },
                .held = [](const void* value) -> std::pair<std::size_t, const void*> {
                    const Variant& variant = as<Variant>(value);
                    return {
                        variant.index(),
                        std::visit([](const auto& one) -> const void* { return &one; }, variant)};
                }};
    }
};

template <class T, auto... rules>
consteval Type with_rules();

/// What the rules of a `Field<std::optional<T>, …>` are rules of.
template <class T, auto... rules>
inline constexpr Type inner_with_rules = with_rules<T, rules...>();

template <class Rule>
inline constexpr bool is_pattern = false;
template <std::size_t size>
inline constexpr bool is_pattern<Pattern<size>> = true;

template <class T, auto... rules>
consteval Type with_rules() {
    using Kind = Type::Kind;
    Type type = type_of<T>;
    type.rules = Field<T, rules...>::add_rules(type.rules);
    if constexpr (type_of<T>.kind == Kind::nullable && sizeof...(rules) > 0) {
        type.inner = &inner_with_rules<typename T::value_type, rules...>;
    } else {
        constexpr Rules all = Field<T, rules...>::add_rules(type_of<T>.rules);
        constexpr Kind kind = type_of<T>.kind;
        static_assert(
            !all.has_length() || kind == Kind::string || kind == Kind::list || kind == Kind::map,
            "a length is a rule for std::string, std::vector and std::map");
        static_assert(!all.has_bounds() || kind == Kind::integer || kind == Kind::number ||
                          kind == Kind::decimal,
                      "a bound is a rule for numbers");
        // Not by its address, which is no constant under UndefinedBehaviorSanitizer.
        static_assert(
            kind == Kind::string || !(is_pattern<std::remove_const_t<decltype(rules)>> || ...),
            "a pattern is a rule for std::string");
        static_assert(!(all.multiple_of && kind == Kind::decimal),
                      "MultipleOf is a rule for integers and floating-point numbers");
        static_assert(kind != Kind::variant || !all.discriminator.empty(),
                      "a std::variant has to say which it is: "
                      "Field<std::variant<…>, Discriminator(\"type\")>");
    }
    return type;
}

template <class T>
struct AsField;
template <class T, auto... rules>
struct AsField<Field<T, rules...>> {
    using F = Field<T, rules...>;
    /// Nothing of a default stays in what is read.
    static void* set(void* field) {
        const bool had_default = as<F>(field).has_default();
        T& value = as<F>(field).set();
        if (had_default) value = T{};
        if constexpr (is_field<T>) {
            return AsField<T>::set(&value);
        } else {
            return &value;
        }
    }
    static const void* look(const void* field) {
        const T& value = *as<F>(field);
        if constexpr (is_field<T>) {
            return AsField<T>::look(&value);
        } else {
            return &value;
        }
    }
    static bool has_default(const void* field) {
        if constexpr (is_field<T>) {
            return as<F>(field).has_default() || AsField<T>::has_default(&*as<F>(field));
        } else {
            return as<F>(field).has_default();
        }
    }
    static consteval Type describe() {
        Type type = with_rules<T, rules...>();
        type.set = set;
        type.look = look;
        type.has_default = has_default;
        return type;
    }
};

template <class T>
consteval std::string_view full_type_name() {
    std::string_view text = __PRETTY_FUNCTION__;
    text = text.substr(text.find("T = ") + 4);
    return text.substr(0, text.find_first_of(";]"));
}

template <class T>
consteval Type describe() {
    using Kind = Type::Kind;
    if constexpr (is_field<T>) {
        return AsField<T>::describe();
    } else if constexpr (Container<T>::known) {
        return Container<T>::describe();
    } else if constexpr (std::same_as<T, bool>) {
        return {.kind = Kind::boolean};
    } else if constexpr (std::integral<T>) {
        static_assert(sizeof(T) <= 8 && !std::same_as<T, char>,
                      "a character is no number: write a std::string or an int");
        return {.kind = Kind::integer, .size = sizeof(T), .is_signed = std::is_signed_v<T>};
    } else if constexpr (std::floating_point<T>) {
        static_assert(sizeof(T) <= 8, "write a double or a Decimal");
        return {.kind = Kind::number, .size = sizeof(T)};
    } else if constexpr (std::is_enum_v<T>) {
        static_assert(!Choices<T>::all.empty(),
                      "no value of this enum has a name: write wire_names() for it");
        return {
            .kind = Kind::choice,
            .name = short_type_name<T>(),
            .full_name = full_type_name<T>(),
            .choices = Choices<T>::names,
            .numbers = Choices<T>::numbers,
            .choose = [](void* value, std::size_t i) { as<T>(value) = Choices<T>::all[i].value; },
            .chosen =
                [](const void* value) {
                    const auto& all = Choices<T>::all;
                    std::size_t i = 0;
                    while (i < all.size() && all[i].value != as<T>(value))
                        ++i;
                    return i;
                }};
    } else if constexpr (is_literal<T>) {
        return {
            .kind = Kind::literal,
            .choices = T::choices,
            .choose = [](void* value,
                         std::size_t i) { as<T>(value).index() = static_cast<std::uint8_t>(i); },
            .chosen = [](const void* value) { return std::size_t{as<T>(value).index()}; }};
    } else if constexpr (std::same_as<T, std::string>) {
        return {.kind = Kind::string};
    } else if constexpr (std::same_as<T, Decimal>) {
        return {.kind = Kind::decimal};
    } else if constexpr (std::same_as<T, Uuid>) {
        return {.kind = Kind::uuid};
    } else if constexpr (std::same_as<T, Bytes>) {
        return {.kind = Kind::bytes};
    } else if constexpr (std::same_as<T, DateTime>) {
        return {.kind = Kind::date_time};
    } else if constexpr (std::same_as<T, std::chrono::year_month_day>) {
        return {.kind = Kind::date};
    } else if constexpr (std::same_as<T, std::chrono::microseconds>) {
        return {.kind = Kind::duration};
    } else if constexpr (std::same_as<T, JsonText>) {
        return {.kind = Kind::json};
    } else if constexpr (FormFile<T>) {
        return {.kind = Kind::file,
                .assign = [](void* value, const void* other) { as<T>(value) = as<T>(other); }};
    } else {
        static_assert(std::is_class_v<T> && std::is_aggregate_v<T> && !std::is_polymorphic_v<T>,
                      "no type of requests and responses: it is one of the table in "
                      "signalbox/model/type.hpp, or a struct without constructors and private "
                      "members");
        return {.kind = Kind::object,
                .name = short_type_name<T>(),
                .full_name = full_type_name<T>(),
                .model = model_of<T>};
    }
}

}  // namespace detail

/// A value of one of these types as JSON. See write_json.
template <class T>
std::string to_json(const T& value) {
    std::string json;
    write_json(json, type_of<T>, &value);
    return json;
}

}  // namespace signalbox::model
