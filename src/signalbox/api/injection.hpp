#pragma once

#include <any>
#include <array>
#include <cstddef>
#include <exception>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "signalbox/api/call.hpp"
#include "signalbox/api/operation.hpp"
#include "signalbox/api/parameters.hpp"
#include "signalbox/api/security.hpp"
#include "signalbox/api/upload_file.hpp"
#include "signalbox/async/task.hpp"
#include "signalbox/db/rows.hpp"
#include "signalbox/http/middleware.hpp"
#include "signalbox/http/request.hpp"
#include "signalbox/model/type.hpp"

/// Functions get what they need by naming it: each parameter's type says what it is. A reference is
/// a service, the request or the reply; all else is taken by value.
///
/// | parameter                                | is                                             |
/// |------------------------------------------|------------------------------------------------|
/// | `T&`                                     | the service of this type, be it the library's  |
/// |                                          | `db::Pool`, `Logger` or `Metrics` or one that  |
/// |                                          | the application provides; `Named<T, "…">` one  |
/// |                                          | of several of a type                           |
/// | a number, text, enum …                   | the parameter of the path                      |
/// | `Path<S>`, `Query<S>`, `Headers<S>`,     | one parameter for each member of the struct    |
/// | `Cookies<S>`                             |                                                |
/// | `Form<S>`                                | the body, a form, with a field for each member |
/// | a struct, `std::vector`, `std::map` …    | the body, JSON; a `std::optional` need not be  |
/// |                                          | sent                                           |
/// | `Bearer`, `Basic`, `ApiKeyHeader<"…">` … | who asks (security.hpp)                        |
/// | `Depends<function>`                      | what `function` returned for this request      |
/// | `Reply&`                                 | status and headers of the response             |
/// | `BackgroundTasks&`                       | what is done when the response has been sent   |
/// | `http::Request&`                         | the request itself                             |
/// | `const http::Next&`                      | of a middleware: what it stands in front of    |
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

/// A dependency's replacement in a test: a `std::function<async::Task<R>()>`.
using Replacements = std::map<const DependencyName*, std::any>;

/// What the arguments of one call are taken from.
struct Arguments {
    void* const* services;  ///< in the order of `Function::services()`
    http::Request* request = nullptr;
    const http::Next* next = nullptr;
    const Replacements* replacements = nullptr;
    int status = 200;  ///< of the endpoint's response
    const http::FormLimits* form_limits = nullptr;
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

/// `… [with auto function = app::list_items; …]` to `list_items`, `app::list<app::Item>` to `list`.
consteval std::string_view last_word(std::string_view text) {
    text.remove_prefix(text.find("function = ") + 11);
    text = text.substr(0, text.find_first_of(";]<"));
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

template <class T>
struct Awaited {
    using Type = T;
};
template <class T>
struct Awaited<async::Task<T>> {
    using Type = T;
};

/// When a parameter is looked at: who asks and what depends on it first, as they are named, then
/// the request, place by place.
enum class Stage { service, dependency, path, query, header, cookie, body };

/// What a parameter of this type means. `Held` is kept while the function runs.
struct NothingToRead {
    static constexpr std::size_t services = 0;
    static constexpr Stage stage = Stage::service;
    static void add_services(std::vector<const TypeName*>&) {}
    static void add_dependencies(std::vector<const DependencyName*>&) {}
    static void describe(Operation&) {}
};
struct Nothing {};

template <class P>
inline constexpr bool is_scalar = [] {
    using Kind = model::Type::Kind;
    constexpr Kind kind = model::type_of<P>.kind;
    return kind != Kind::list && kind != Kind::map && kind != Kind::object &&
           kind != Kind::nullable && kind != Kind::variant && kind != Kind::json;
}();
template <class P>
inline constexpr bool is_optional_body = [] {
    using Kind = model::Type::Kind;
    if constexpr (model::type_of<P>.kind == Kind::nullable) {
        static_assert(!is_scalar<typename P::value_type>,
                      "a std::optional number or text is of no place in a request: make it a "
                      "member of a Query<…>");
        return true;
    }
    return false;
}();

/// The parameter of the path, or the body.
template <class P>
struct Parameter : NothingToRead {
    static_assert(!std::is_pointer_v<P>, "a service is taken as T&");
    using Held = P;
    static constexpr Stage stage = is_scalar<P> ? Stage::path : Stage::body;

    static void describe(Operation& operation) {
        if constexpr (is_scalar<P>) {
            operation.path_parameter = &model::type_of<P>;
        } else {
            operation.body = &model::type_of<P>;
            operation.body_required = !is_optional_body<P>;
        }
    }
    static void read(Call& call, Held& held) {
        if constexpr (is_scalar<P>) {
            call.read_path_parameter(model::type_of<P>, &held);
        } else {
            call.read_body(model::type_of<P>, &held);
        }
    }
    static P pass(Call*, const Arguments&, std::size_t, Held& held) { return std::move(held); }
};

template <class Group, class T, Stage its_stage, Place place>
struct GroupParameter : NothingToRead {
    using Held = Group;
    static constexpr Stage stage = its_stage;
    static_assert(model::type_of<T>.kind == model::Type::Kind::object,
                  "Path<…>, Query<…>, Headers<…> and Cookies<…> are of a struct, a parameter for "
                  "each member");
    static void describe(Operation& operation) {
        operation.parameters.push_back({place, &model::type_of<T>});
    }
    static void read(Call& call, Held& held) {
        if constexpr (place == Place::path) call.read_path(model::type_of<T>, &held.value);
        if constexpr (place == Place::query) call.read_query(model::type_of<T>, &held.value);
        if constexpr (place == Place::header) call.read_headers(model::type_of<T>, &held.value);
        if constexpr (place == Place::cookie) call.read_cookies(model::type_of<T>, &held.value);
    }
    static Group pass(Call*, const Arguments&, std::size_t, Held& held) { return std::move(held); }
};
template <class T>
struct Parameter<Path<T>> : GroupParameter<Path<T>, T, Stage::path, Place::path> {};
template <class T>
struct Parameter<Query<T>> : GroupParameter<Query<T>, T, Stage::query, Place::query> {};
template <class T>
struct Parameter<Headers<T>> : GroupParameter<Headers<T>, T, Stage::header, Place::header> {};
template <class T>
struct Parameter<Cookies<T>> : GroupParameter<Cookies<T>, T, Stage::cookie, Place::cookie> {};

template <class T>
struct Parameter<Form<T>> : NothingToRead {
    using Held = Form<T>;
    static constexpr Stage stage = Stage::body;
    static_assert(model::type_of<T>.kind == model::Type::Kind::object,
                  "a Form<…> is of a struct, a field for each member");
    static void describe(Operation& operation) {
        operation.body = &model::type_of<T>;
        operation.body_is_form = true;
    }
    static void read(Call& call, Held& held) { call.read_form(model::type_of<T>, &held.value); }
    static Form<T> pass(Call*, const Arguments&, std::size_t, Held& held) {
        return std::move(held);
    }
};

template <class T, class Key>
struct ServiceParameter : NothingToRead {
    using Held = Nothing;
    static constexpr std::size_t services = 1;
    static void add_services(std::vector<const TypeName*>& types) {
        types.push_back(&type_name<Key>);
    }
};
template <class T>
struct Parameter<T&> : ServiceParameter<T, std::remove_const_t<T>> {
    static T& pass(Call*, const Arguments& arguments, std::size_t first, Nothing&) {
        return *static_cast<T*>(arguments.services[first]);
    }
};
template <class T, model::detail::Text name>
struct Parameter<Named<T, name>> : ServiceParameter<T, Named<T, name>> {
    static Named<T, name> pass(Call*, const Arguments& arguments, std::size_t first, Nothing&) {
        return Named<T, name>(*static_cast<T*>(arguments.services[first]));
    }
};

template <>
struct Parameter<http::Request&> : NothingToRead {
    using Held = Nothing;
    static http::Request& pass(Call*, const Arguments& arguments, std::size_t, Held&) {
        return *arguments.request;
    }
};
template <>
struct Parameter<const http::Request&> : Parameter<http::Request&> {};

template <>
struct Parameter<const http::Next&> : NothingToRead {
    using Held = Nothing;
    static const http::Next& pass(Call*, const Arguments& arguments, std::size_t, Held&) {
        return *arguments.next;
    }
};

template <>
struct Parameter<Reply&> : NothingToRead {
    using Held = Nothing;
    static Reply& pass(Call* call, const Arguments&, std::size_t, Held&) { return call->reply; }
};

template <>
struct Parameter<http::BackgroundTasks&> : NothingToRead {
    using Held = Nothing;
    static void describe(Operation& operation) { operation.background_tasks = true; }
    static http::BackgroundTasks& pass(Call* call, const Arguments&, std::size_t, Held&) {
        return call->background();
    }
};

/// Credentials are read in the order of the dependencies.
template <class T, class Scheme, bool must>
struct SecurityParameter : NothingToRead {
    using Held = T;
    static constexpr Stage stage = Stage::dependency;
    static void describe(Operation& operation) {
        operation.security.push_back(&Security<Scheme>::scheme);
    }
    static T pass(Call*, const Arguments&, std::size_t, Held& held) { return std::move(held); }
};
template <class T>
requires(Security<T>::known) struct Parameter<T> : SecurityParameter<T, T, true> {
    static void take(Call& call, T& held) { Security<T>::read(call.request, true, held); }
};
template <class T>
requires(Security<T>::known) struct Parameter<std::optional<T>>
    : SecurityParameter<std::optional<T>, T, false> {
    static void take(Call& call, std::optional<T>& held) {
        T value;
        if (Security<T>::read(call.request, false, value)) held = std::move(value);
    }
};

template <class P>
inline constexpr bool is_depends = false;
template <auto function>
inline constexpr bool is_depends<Depends<function>> = true;
template <class P>
inline constexpr bool is_of_the_call =
    std::is_same_v<P, Reply&> || std::is_same_v<P, http::BackgroundTasks&>;
template <class P>
inline constexpr bool is_next = std::is_same_v<P, const http::Next&>;
template <class P>
inline constexpr bool is_path_group = false;
template <class T>
inline constexpr bool is_path_group<Path<T>> = true;
template <class P>
inline constexpr bool is_form = false;
template <class T>
inline constexpr bool is_form<Form<T>> = true;

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
    static constexpr bool takes_request =
        (std::is_same_v<std::remove_const_t<std::remove_reference_t<P>>, http::Request> || ...);
    /// Services and the request need no Call; everything else does.
    static constexpr bool needs_call =
        ((Parameter<P>::stage != Stage::service || is_of_the_call<P>) || ...);
    static constexpr bool takes_next = (is_next<P> || ...);
    static constexpr bool has_dependencies = (is_depends<P> || ...);
    static constexpr std::size_t bodies =
        ((Parameter<P>::stage == Stage::body ? 1U : 0U) + ... + 0U);
    static constexpr std::size_t path_parameters =
        ((Parameter<P>::stage == Stage::path && !is_path_group<P> ? 1U : 0U) + ... + 0U);
    static constexpr std::size_t path_groups = ((is_path_group<P> ? 1U : 0U) + ... + 0U);

    static_assert(path_parameters <= 1 && (path_parameters == 0 || path_groups == 0),
                  "two or more parameters of the path are the members of a Path<…> struct, by "
                  "their names: by position nobody would see them swapped");
    static_assert(bodies <= 1, "a request has one body: make one struct of both");

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
    static void describe(Operation& operation) { (Parameter<P>::describe(operation), ...); }

    /// Whether it or what it depends on reads the body.
    static constexpr bool reads_body() {
        return ((Parameter<P>::stage == Stage::body || dependency_reads_body<P>()) || ...);
    }

    /// Whether one of those takes a form.
    static constexpr bool reads_form() {
        return ((is_form<P> || dependency_reads_form<P>()) || ...);
    }
    /// Whether one of those takes a body that is none.
    static constexpr bool reads_json() {
        return (
            ((Parameter<P>::stage == Stage::body && !is_form<P>) || dependency_reads_json<P>()) ||
            ...);
    }

    /// For services and the request only.
    static R call(const Arguments& arguments) {
        Held held;
        return pass_all(nullptr, arguments, held, std::index_sequence_for<P...>());
    }
    [[gnu::noinline]] static R call_with(Call& call, const Arguments& arguments, Held& held) {
        return pass_all(&call, arguments, held, std::index_sequence_for<P...>());
    }

    /// Those that are read first, in the order of their declaration.
    static async::Task<> resolve(Call& call, Arguments arguments, Held& held) {
        for (const Step& step : steps) {
            if (step.take != nullptr) step.take(call, held);
            if (step.resolve == nullptr) continue;
            Arguments inner = arguments;
            inner.services += step.first_service;
            co_await step.resolve(call, inner);
        }
    }
    /// Whether all that it depends on could be called.
    static bool resolved(Call& call) { return (depends_resolved<P>(call) && ...); }

    /// The request's parameters and its body, place by place.
    [[gnu::noinline]] static void read(Call& call, Held& held) {
        for_stage<Stage::path>(call, held, std::index_sequence_for<P...>());
        for_stage<Stage::query>(call, held, std::index_sequence_for<P...>());
        for_stage<Stage::header>(call, held, std::index_sequence_for<P...>());
        for_stage<Stage::cookie>(call, held, std::index_sequence_for<P...>());
        for_stage<Stage::body>(call, held, std::index_sequence_for<P...>());
    }
    static constexpr bool has_steps = ((Parameter<P>::stage == Stage::dependency) || ...);

  private:
    struct Step {
        void (*take)(Call&, Held&) = nullptr;
        async::Task<> (*resolve)(Call&, Arguments) = nullptr;
        std::size_t first_service = 0;
    };

    /// Where the services of each parameter begin.
    static constexpr auto first_services = [] {
        std::array<std::size_t, sizeof...(P) + 1> first{};
        std::size_t i = 0;
        ((first[i + 1] = first[i] + Parameter<P>::services, ++i), ...);
        return first;
    }();

    template <std::size_t i>
    static constexpr Step make_step() {
        using Each = std::tuple_element_t<i, std::tuple<P...>>;
        Step step;
        if constexpr (is_depends<Each>) {
            step.resolve = Parameter<Each>::resolve;
            step.first_service = first_services[i];
        } else if constexpr (Parameter<Each>::stage == Stage::dependency) {
            step.take = [](Call& call, Held& held) {
                Parameter<Each>::take(call, std::get<i>(held));
            };
        }
        return step;
    }
    static constexpr auto steps = []<std::size_t... i>(std::index_sequence<i...>) {
        return std::array<Step, sizeof...(P)>{make_step<i>()...};
    }
    (std::index_sequence_for<P...>());

    template <Stage stage, std::size_t... i>
    static void for_stage(Call& call, Held& held, std::index_sequence<i...>) {
        (read_at<stage, i>(call, held), ...);
    }
    template <Stage stage, std::size_t i>
    static void read_at([[maybe_unused]] Call& call, [[maybe_unused]] Held& held) {
        using Each = std::tuple_element_t<i, std::tuple<P...>>;
        if constexpr (Parameter<Each>::stage == stage)
            Parameter<Each>::read(call, std::get<i>(held));
    }

    template <class Each>
    static constexpr bool dependency_reads_body() {
        if constexpr (is_depends<Each>) {
            return Each::Called::reads_body();
        } else {
            return false;
        }
    }
    template <class Each>
    static constexpr bool dependency_reads_form() {
        if constexpr (is_depends<Each>) {
            return Each::Called::reads_form();
        } else {
            return false;
        }
    }
    template <class Each>
    static constexpr bool dependency_reads_json() {
        if constexpr (is_depends<Each>) {
            return Each::Called::reads_json();
        } else {
            return false;
        }
    }
    template <class Each>
    static bool depends_resolved([[maybe_unused]] Call& call) {
        if constexpr (is_depends<Each>) {
            return Parameter<Each>::find(call) != nullptr;
        } else {
            return true;
        }
    }

    template <std::size_t... i>
    static R pass_all([[maybe_unused]] Call* call, [[maybe_unused]] const Arguments& arguments,
                      [[maybe_unused]] Held& held, std::index_sequence<i...>) {
        return function(
            Parameter<P>::pass(call, arguments, first_services[i], std::get<i>(held))...);
    }
};
template <auto function, class R, class... P>
struct Function<function, R (*)(P...) noexcept> : Function<function, R (*)(P...)> {};

}  // namespace detail

/// The result of another function, which runs before (FastAPI's Depends). That function has
/// parameters of the same kinds. It is a coroutine, as `async::Task<User> current_user(Bearer
/// bearer, db::Pool& database)`, or returns the value itself. It runs once for a request; all that
/// depend on it share the value. If it throws, that is the answer.
///
/// A value with a member `async::Task<> finish(const std::exception_ptr& error)` can clean up
/// (FastAPI's `yield`). It is called when the handler has ended, before the response is sent, with
/// what was thrown, or null; also when the request was cancelled. If it throws, that is the answer:
/// a commit that fails is not reported as a success. The last value made is the first to finish.
template <auto function>
class Depends {
  public:
    using Called = detail::Function<function>;
    using Value = typename detail::Awaited<typename Called::Result>::Type;

    explicit Depends(Value& value) : value_(&value) {}

    Value& operator*() const noexcept { return *value_; }
    Value* operator->() const noexcept { return value_; }

  private:
    Value* value_;  ///< lives until the response is made
};

namespace detail {

template <class T>
concept Finishes = requires(T& value, const std::exception_ptr& error) {
    { value.finish(error) } -> std::same_as<async::Task<>>;
};

template <auto function>
struct Parameter<Depends<function>> : NothingToRead {
    using Called = Function<function>;
    using Value = typename Depends<function>::Value;
    using Held = Nothing;
    static constexpr std::size_t services = Called::service_count;
    static constexpr Stage stage = Stage::dependency;

    static_assert(!std::is_void_v<Value>, "a dependency returns what depends on it");
    static_assert(!Called::takes_next, "only a middleware takes a const http::Next&");
    static_assert(Called::path_parameters == 0,
                  "a dependency does not know the path that it is used in: take a Path<…> struct, "
                  "by name");

    static void add_services(std::vector<const TypeName*>& types) {
        for (const TypeName* type : Called::services())
            types.push_back(type);
    }
    static void add_dependencies(std::vector<const DependencyName*>& names) {
        names.push_back(&dependency_name<function>);
        for (const DependencyName* name : Called::dependencies())
            names.push_back(name);
    }
    static void describe(Operation& operation) { Called::describe(operation); }

    static void* find(Call& call) {
        const auto* const known = call.find(&dependency_name<function>);
        return known != nullptr ? known->value.get() : nullptr;
    }

    static async::Task<> resolve(Call& call, Arguments arguments) {
        if (call.find(&dependency_name<function>) != nullptr) co_return;
        if (arguments.replacements != nullptr) {
            const auto found = arguments.replacements->find(&dependency_name<function>);
            if (found != arguments.replacements->end()) {
                const auto& replacement =
                    std::any_cast<const std::function<async::Task<Value>()>&>(found->second);
                call.set_body_aside();
                async::Task<Value> task = replacement();
                keep(call, std::make_shared<Value>(co_await std::move(task)));
                co_return;
            }
        }
        typename Called::Held held;
        if constexpr (Called::has_steps) {
            async::Task<> steps = Called::resolve(call, arguments, held);
            co_await std::move(steps);
        }
        const std::size_t before = call.faults();
        if constexpr (Called::reads_json()) {
            if (call.has_much_to_read()) {
                async::Task<> turn = call.wait_to_read();
                co_await std::move(turn);
            }
        }
        Called::read(call, held);
        if (call.faults() != before || !Called::resolved(call)) {
            call.keep(&dependency_name<function>, nullptr);
            co_return;
        }
        if constexpr (is_task<typename Called::Result>) {
            call.set_body_aside();
            async::Task<Value> task = Called::call_with(call, arguments, held);
            keep(call, std::make_shared<Value>(co_await std::move(task)));
        } else {
            keep(call, std::make_shared<Value>(Called::call_with(call, arguments, held)));
        }
    }

    static Depends<function> pass(Call* call, const Arguments&, std::size_t, Held&) {
        return Depends<function>(*static_cast<Value*>(find(*call)));
    }

  private:
    static void keep(Call& call, std::shared_ptr<Value> value) {
        if constexpr (Finishes<Value>) {
            call.finishers.emplace_back(
                [](void* kept, const std::exception_ptr& error) {
                    return static_cast<Value*>(kept)->finish(error);
                },
                value.get());
        }
        call.keep(&dependency_name<function>, std::move(value));
    }
};

// --- What a handler returns ---------------------------------------------------------------------

template <class R>
struct Answer {
    static void describe(Operation& operation) { operation.result = &model::type_of<R>; }
    static http::Response make(Call& call, const R& value) {
        return respond(call, model::type_of<R>, &value);
    }
};
template <>
struct Answer<http::Response> {
    static void describe(Operation& operation) { operation.result_is_response = true; }
    static http::Response make(Call& call, http::Response response) {
        response.headers.insert(response.headers.end(), call.reply.headers.begin(),
                                call.reply.headers.end());
        response.background = call.take_background();
        return response;
    }
};

/// As FastAPI documents it, without content: nobody says what it is.
template <>
struct Answer<http::StreamingResponse> {
    static void describe(Operation&) {}
    static http::Response make(Call& call, http::StreamingResponse response) {
        return Answer<http::Response>::make(call, std::move(response));
    }
};

/// The database's JSON, as it is.
template <class T>
struct Answer<db::Rows<T>> {
    static void describe(Operation& operation) {
        operation.result = &model::type_of<T>;
        operation.result_is_list = true;
    }
    static http::Response make(Call& call, const db::Rows<T>& rows) {
        return respond(call, rows.json());
    }
};
template <class T>
struct Answer<db::Row<T>> {
    static void describe(Operation& operation) { operation.result = &model::type_of<T>; }
    static http::Response make(Call& call, const db::Row<T>& row) {
        return respond(call, row.json());
    }
};
template <class T>
struct Answer<std::optional<db::Row<T>>> {
    static_assert(sizeof(T) == 0,
                  "a row that is not there is no response: throw http::HttpError(404) and return "
                  "the db::Row");
};

/// What a handler returns, as a response.
template <auto handler>
async::Task<http::Response> run_handler(Call& call, const Arguments& arguments,
                                        typename Function<handler>::Held& held) {
    using Called = Function<handler>;
    using Result = typename Awaited<typename Called::Result>::Type;
    if constexpr (Called::reads_json()) {
        if (call.has_much_to_read()) {
            async::Task<> turn = call.wait_to_read();
            co_await std::move(turn);
        }
    }
    Called::read(call, held);
    call.throw_if_invalid();
    async::Task<Result> task = Called::call_with(call, arguments, held);
    if constexpr (std::is_void_v<Result>) {
        co_await std::move(task);
        co_return respond(call);
    } else {
        co_return Answer<Result>::make(call, co_await std::move(task));
    }
}

/// Answers by a handler that takes something from the request.
template <auto handler>
async::Task<http::Response> answer(Arguments arguments) {
    using Called = Function<handler>;
    using Result = typename Awaited<typename Called::Result>::Type;
    Call call(*arguments.request, arguments.status);
    static_assert(!(Called::reads_form() && Called::reads_json()),
                  "a request has one body: a form or JSON");
    if constexpr (Called::reads_form()) {
        async::Task<> reading = call.read_fields(arguments.form_limits);
        co_await std::move(reading);
    } else if constexpr (Called::reads_body()) {
        if (call.has_much_to_read()) {
            async::Task<> turn = call.wait_to_read();
            co_await std::move(turn);
        }
        call.read_body_text();
    }
    typename Called::Held held;
    if constexpr (Called::has_steps) {
        call.set_body_aside();
        std::exception_ptr thrown;
        std::optional<http::Response> response;
        try {
            async::Task<> steps = Called::resolve(call, arguments, held);
            co_await std::move(steps);
            async::Task<http::Response> task = run_handler<handler>(call, arguments, held);
            response = co_await std::move(task);
        } catch (...) {
            thrown = std::current_exception();
        }
        if (!call.finishers.empty()) {
            // Also after a cancellation, when otherwise nothing could be awaited.
            co_await asio::this_coro::throw_if_cancelled(false);
            async::Task<std::exception_ptr> finishing = Call::finish(call, std::move(thrown));
            thrown = co_await std::move(finishing);
        }
        if (thrown) std::rethrow_exception(thrown);
        co_return std::move(*response);
    } else {
        Called::read(call, held);
        call.throw_if_invalid();
        async::Task<Result> task = Called::call_with(call, arguments, held);
        if constexpr (std::is_void_v<Result>) {
            co_await std::move(task);
            co_return respond(call);
        } else {
            co_return Answer<Result>::make(call, co_await std::move(task));
        }
    }
}

/// A handler that takes only what is at hand and returns its response is called as it is.
template <auto handler>
async::Task<http::Response> call_handler(const Arguments& arguments) {
    using Called = Function<handler>;
    static_assert(is_task<typename Called::Result>, "a handler returns async::Task<…>");
    static_assert(!Called::takes_next, "an endpoint has no next one: it is the last");
    if constexpr (std::is_same_v<typename Called::Result, async::Task<http::Response>> &&
                  !Called::needs_call) {
        return Called::call(arguments);
    } else {
        return answer<handler>(arguments);
    }
}

template <auto handler>
Operation describe_operation() {
    using Result = typename Awaited<typename Function<handler>::Result>::Type;
    Operation operation;
    Function<handler>::describe(operation);
    if constexpr (!std::is_void_v<Result>) Answer<Result>::describe(operation);
    return operation;
}

}  // namespace detail
}  // namespace signalbox::api
