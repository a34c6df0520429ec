#pragma once

#include <any>
#include <array>
#include <cstddef>
#include <functional>
#include <map>
#include <optional>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "signalbox/async/task.hpp"
#include "signalbox/http/request.hpp"

/// Functions get what they need by naming it: each parameter's type says what it is.
///
/// - `T&`: the service of this type, be it the library's `db::Pool`, `Logger` or `Metrics` or one
///   that the application provides
/// - `http::Request&`: the request; for handlers and dependencies only
/// - `Depends<function>`: what `function` returned for this request (FastAPI's Depends)
namespace signalbox::api {

/// A type, also one that is only declared yet. There is one for each type: compare addresses.
struct TypeName {
    std::string_view text;  ///< as the compiler spells it
};

/// A function that Depends names. There is one for each: compare addresses.
struct DependencyName {
    std::string_view text;  ///< of the function
};

template <auto function>
class Depends;

/// What dependencies are replaced by, in tests: a `std::function<async::Task<R>()>`.
using Replacements = std::map<const DependencyName*, std::any>;

/// What the arguments of one call are taken from.
struct Arguments {
    void* const* services;  ///< in the order of `Function::services()`
    http::Request* request = nullptr;
    const Replacements* replacements = nullptr;
};

namespace detail {

/// `… [with T = signalbox::db::Pool; std::string_view = …]` to `signalbox::db::Pool`.
consteval std::string_view after_equals(std::string_view function) {
    function.remove_prefix(function.find("T = ") + 4);
    return function.substr(0, function.find_first_of(";]"));
}
template <class T>
consteval std::string_view type_text() {
    return after_equals(__PRETTY_FUNCTION__);
}

/// `… [with auto function = app::list_items; …]` to `list_items`.
consteval std::string_view last_word(std::string_view text) {
    text.remove_prefix(text.find("function = ") + 11);
    text = text.substr(0, text.find_first_of(";]"));
    if (const auto colon = text.rfind(':'); colon != text.npos) text.remove_prefix(colon + 1);
    if (text.starts_with('&')) text.remove_prefix(1);
    return text;
}
template <auto function>
consteval std::string_view function_name() {
    return last_word(__PRETTY_FUNCTION__);
}

template <class T>
inline constexpr TypeName type_name{type_text<T>()};

template <auto function>
inline constexpr DependencyName dependency_name{function_name<function>()};

template <class>
inline constexpr bool is_task = false;
template <class T>
inline constexpr bool is_task<async::Task<T>> = true;

/// What a parameter of this type means: how many services it takes, of which types, and how it is
/// passed. `Held` is kept while the function runs.
template <class P>
struct Parameter {
    static_assert(sizeof(P) == 0,
                  "a parameter is T& for a service, http::Request& or Depends<function>");
};

struct Nothing {};

template <class T>
struct Parameter<T&> {
    using Held = Nothing;
    static constexpr std::size_t services = 1;
    static constexpr bool depends = false;
    static void add_services(std::vector<const TypeName*>& types) {
        types.push_back(&type_name<std::remove_const_t<T>>);
    }
    static void add_dependencies(std::vector<const DependencyName*>&) {}
    static T& pass(const Arguments& arguments, std::size_t first, Held&) {
        return *static_cast<T*>(arguments.services[first]);
    }
};

template <>
struct Parameter<http::Request&> {
    using Held = Nothing;
    static constexpr std::size_t services = 0;
    static constexpr bool depends = false;
    static void add_services(std::vector<const TypeName*>&) {}
    static void add_dependencies(std::vector<const DependencyName*>&) {}
    static http::Request& pass(const Arguments& arguments, std::size_t, Held&) {
        return *arguments.request;
    }
};
template <>
struct Parameter<const http::Request&> : Parameter<http::Request&> {};

template <auto function, class Signature = decltype(function)>
struct Function {
    static_assert(sizeof(Signature) == 0,
                  "a function whose parameters name what it needs, not an object or a member");
};

template <auto function, class R, class... P>
struct Function<function, R (*)(P...)> {
    using Result = R;
    using Held = std::tuple<typename Parameter<P>::Held...>;

    static constexpr std::size_t service_count = (Parameter<P>::services + ... + 0);
    static constexpr bool has_dependencies = (Parameter<P>::depends || ...);
    static constexpr bool takes_request =
        (std::is_same_v<std::remove_const_t<std::remove_reference_t<P>>, http::Request> || ...);

    static std::vector<const TypeName*> services() {
        std::vector<const TypeName*> types;
        (Parameter<P>::add_services(types), ...);
        return types;
    }
    /// Those of its dependencies as well.
    static std::vector<const DependencyName*> dependencies() {
        std::vector<const DependencyName*> names;
        (Parameter<P>::add_dependencies(names), ...);
        return names;
    }

    /// Without dependencies: nothing is to be awaited before the function itself.
    static R call(const Arguments& arguments) {
        Held held;
        return call_with(arguments, held, std::index_sequence_for<P...>());
    }

    /// Dependencies one after another, in the order of the parameters, then the function.
    static R call_after_dependencies(Arguments arguments) {
        Held held;
        co_await resolve<0>(arguments, held);
        R task = call_with(arguments, held, std::index_sequence_for<P...>());
        co_return co_await std::move(task);
    }

  private:
    /// Where the services of each parameter begin.
    static constexpr auto first_services = [] {
        std::array<std::size_t, sizeof...(P) + 1> first{};
        std::size_t i = 0;
        ((first[i + 1] = first[i] + Parameter<P>::services, ++i), ...);
        return first;
    }();

    template <std::size_t... i>
    static R call_with(const Arguments& arguments, Held& held, std::index_sequence<i...>) {
        return function(Parameter<P>::pass(arguments, first_services[i], std::get<i>(held))...);
    }

    template <std::size_t i>
    static async::Task<> resolve(const Arguments& arguments, Held& held) {
        if constexpr (i < sizeof...(P)) {
            using Each = std::tuple_element_t<i, std::tuple<P...>>;
            if constexpr (Parameter<Each>::depends) {
                Arguments inner = arguments;
                inner.services += first_services[i];
                co_await Parameter<Each>::resolve(inner, std::get<i>(held));
            }
            co_await resolve<i + 1>(arguments, held);
        }
        co_return;
    }
};
template <auto function, class R, class... P>
struct Function<function, R (*)(P...) noexcept> : Function<function, R (*)(P...)> {};

/// Calls a function that is a coroutine.
template <auto function>
auto call_task(const Arguments& arguments) {
    using Called = Function<function>;
    static_assert(is_task<typename Called::Result>, "the function must return async::Task<…>");
    if constexpr (Called::has_dependencies) {
        return Called::call_after_dependencies(arguments);
    } else {
        return Called::call(arguments);
    }
}

template <class Task>
struct ResultOf;
template <class T>
struct ResultOf<async::Task<T>> {
    using Type = T;
};

}  // namespace detail

/// What another function returned, which ran before: one with such parameters of its own, that is
/// `async::Task<User> current_user(http::Request&, db::Pool&)`. What it throws is the answer.
template <auto function>
class Depends {
  public:
    using Value = typename detail::ResultOf<typename detail::Function<function>::Result>::Type;

    explicit Depends(Value value) : value_(std::move(value)) {}

    const Value& operator*() const noexcept { return value_; }
    const Value* operator->() const noexcept { return &value_; }

  private:
    Value value_;
};

namespace detail {

template <auto function>
struct Parameter<Depends<function>> {
    using Value = typename Depends<function>::Value;
    using Held = std::optional<Value>;
    static constexpr std::size_t services = Function<function>::service_count;
    static constexpr bool depends = true;

    static void add_services(std::vector<const TypeName*>& types) {
        for (const TypeName* type : Function<function>::services())
            types.push_back(type);
    }
    static void add_dependencies(std::vector<const DependencyName*>& names) {
        names.push_back(&dependency_name<function>);
        for (const DependencyName* name : Function<function>::dependencies())
            names.push_back(name);
    }
    static async::Task<> resolve(const Arguments& arguments, Held& held) {
        if (arguments.replacements != nullptr) {
            const auto found = arguments.replacements->find(&dependency_name<function>);
            if (found != arguments.replacements->end()) {
                const auto& replacement =
                    std::any_cast<const std::function<async::Task<Value>()>&>(found->second);
                held.emplace(co_await replacement());
                co_return;
            }
        }
        held.emplace(co_await call_task<function>(arguments));
    }
    static Depends<function> pass(const Arguments&, std::size_t, Held& held) {
        return Depends<function>(std::move(*held));
    }
};

}  // namespace detail
}  // namespace signalbox::api
