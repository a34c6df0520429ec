#pragma once

#include <chrono>
#include <cstddef>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "signalbox/api/injection.hpp"
#include "signalbox/api/operation.hpp"
#include "signalbox/http/form_limits.hpp"
#include "signalbox/http/middleware.hpp"
#include "signalbox/http/request.hpp"
#include "signalbox/http/response.hpp"
#include "signalbox/http/route.hpp"

namespace signalbox::api {

/// A further response of an endpoint. It is only written into the documents.
struct ErrorResponse {
    int status;
    std::string description;
};

/// What an endpoint's function cannot say: `post<create_item>("/items", {.status = 201})`.
struct EndpointOptions {
    int status = 0;  ///< of its response; 0: 200, or 204 when it returns nothing
    std::vector<std::string> tags{};
    std::string summary{};  ///< else from the function's name
    std::string description{};
    std::vector<ErrorResponse> responses{};
    bool deprecated = false;
    bool in_documents = true;
    /// Bytes, in place of --limit-request-body; and a time in place of --timeout-request. Either
    /// may be more or less than that (see http::Route).
    std::optional<std::size_t> body_limit{};
    std::optional<std::chrono::milliseconds> timeout{};
    http::FormLimits form_limits{};  ///< of one that takes a Form
};

/// One row of the table of endpoints, made from a handler.
struct Endpoint {
    std::string_view method;
    std::string path;       ///< a template: `/items/{id}`
    std::string_view name;  ///< of the handler
    EndpointOptions options;
    Operation operation;
    std::vector<const TypeName*> services;
    std::vector<const DependencyName*> dependencies;  ///< and theirs
    async::Task<http::Response> (*call)(const Arguments&);
};

/// How the application makes a service that it provides.
struct Provider {
    const TypeName* type;
    std::vector<const TypeName*> services;  ///< that it is made from
    std::function<std::shared_ptr<void>(const Arguments&)> make;
};

/// What stands around every request.
struct MiddlewareSource {
    std::string_view name;
    std::vector<const TypeName*> services;
    std::function<http::Middleware(const Arguments&)> make;
};

/// What runs before the first request, or after the last.
struct Hook {
    std::string_view name;
    std::vector<const TypeName*> services;
    async::Task<> (*run)(Arguments);
};

/// What is added to each endpoint of a module.
struct IncludeOptions {
    std::vector<std::string> tags{};  ///< before its own
    std::vector<ErrorResponse> responses{};
    bool deprecated = false;
    bool in_documents = true;
};

/// Endpoints with what they need: a part of an application that is written, included and tested by
/// itself (FastAPI's APIRouter). Everything is given as a function, as in
/// `get<list_items>("/items")`; injection.hpp says what its parameters can be. They declare what
/// the endpoint takes: a request that is wrong is answered with 422, and the handler does not run.
///
/// Nothing is checked or run here: the application that it is included in does so when it starts,
/// and says what is missing. Threads: one, before the application runs.
class Module {
  public:
    Module();
    ~Module();
    Module(const Module& other);
    Module(Module&& other) noexcept;
    Module& operator=(const Module& other);
    Module& operator=(Module&& other) noexcept;

    /// A handler is a function that returns `async::Task<R>`. R is what its response has: one of
    /// model/type.hpp's types, as JSON; nothing, for 204; or an http::Response that it makes
    /// itself. It runs on the connection's event loop, which it must not block. What it throws
    /// becomes a 500, except http::HttpError and what on_error names. GET answers HEAD as well.
    template <auto handler>
    Module& get(std::string path, const EndpointOptions& options = {}) {
        static_assert(!detail::Function<handler>::reads_body(),
                      "a GET has no body (RFC 9110, section 9.3.1): did you mean Query<…>?");
        return add<handler>("GET", std::move(path), options);
    }
    template <auto handler>
    Module& post(std::string path, const EndpointOptions& options = {}) {
        return add<handler>("POST", std::move(path), options);
    }
    template <auto handler>
    Module& put(std::string path, const EndpointOptions& options = {}) {
        return add<handler>("PUT", std::move(path), options);
    }
    template <auto handler>
    Module& patch(std::string path, const EndpointOptions& options = {}) {
        return add<handler>("PATCH", std::move(path), options);
    }
    /// DELETE, which is a keyword of the language.
    template <auto handler>
    Module& del(std::string path, const EndpointOptions& options = {}) {
        return add<handler>("DELETE", std::move(path), options);
    }
    template <auto handler>
    Module& options(std::string path, const EndpointOptions& options = {}) {
        return add<handler>("OPTIONS", std::move(path), options);
    }

    /// When a handler throws this type, or one derived from it, this function makes the answer:
    /// `http::Response out_of_stock(const OutOfStock&)`, or with the `http::Request&` behind it.
    /// It can also replace the library's own answers, to `RequestValidationError` (422) and
    /// `http::HttpError`. The last function given is asked first. A status of 500 or above is
    /// logged with its cause.
    template <class Error, auto answer>
    Module& on_error() {
        error_handlers_.push_back([](const std::exception_ptr& thrown,
                                     [[maybe_unused]] http::Request& request)
                                      -> std::optional<http::Response> {
            try {
                std::rethrow_exception(thrown);
            } catch (const Error& error) {
                if constexpr (std::is_invocable_v<decltype(answer), const Error&, http::Request&>) {
                    return answer(error, request);
                } else {
                    return answer(error);
                }
            } catch (...) {
                return std::nullopt;
            }
        });
        return *this;
    }

    /// A service for those who take a `T&`: what `factory` returns (`T` or `std::unique_ptr<T>`).
    /// It is made once, before the first request and after the services that the factory takes.
    /// Services are destroyed after the last request, in the reverse order. Handlers use a service
    /// from every event loop: it has to be safe for that.
    template <auto factory>
    Module& provide() {
        using Made = typename detail::Function<factory>::Result;
        static_assert(!detail::is_task<Made>,
                      "a factory returns the service itself; what has to be awaited goes into "
                      "on_startup");
        using Service = typename Provided<Made>::Type;
        providers_.push_back({&detail::type_name<Service>, services_for<factory>(),
                              [](const Arguments& arguments) -> std::shared_ptr<void> {
                                  return Provided<Made>::share(arguments,
                                                               &detail::Function<factory>::call);
                              }});
        return *this;
    }
    /// An object of the caller's, which outlives the application.
    template <class T>
    Module& provide(T& object) {
        providers_.push_back(
            {&detail::type_name<T>, {}, [&object](const Arguments&) -> std::shared_ptr<void> {
                 return {std::shared_ptr<void>(), &object};
             }});
        return *this;
    }

    /// As provide, for those who take a `Named<T, "…">`, where there are several services of one
    /// type: `provide_as<Named<db::Pool, "reports">, open_reports>()`.
    template <class Name, auto factory>
    Module& provide_as() {
        using Made = typename detail::Function<factory>::Result;
        static_assert(std::is_same_v<typename Provided<Made>::Type, typename Name::Service>,
                      "the factory makes another type");
        providers_.push_back({&detail::type_name<Name>, services_for<factory>(),
                              [](const Arguments& arguments) -> std::shared_ptr<void> {
                                  return Provided<Made>::share(arguments,
                                                               &detail::Function<factory>::call);
                              }});
        return *this;
    }
    template <class Name>
    Module& provide_as(typename Name::Service& object) {
        providers_.push_back(
            {&detail::type_name<Name>, {}, [&object](const Arguments&) -> std::shared_ptr<void> {
                 return {std::shared_ptr<void>(), &object};
             }});
        return *this;
    }

    /// Stands around every request of the application, the server's own answers included
    /// (http/middleware.hpp): a function that returns `async::Task<http::Response>` and takes
    /// `http::Request&`, `const http::Next&` and services, in any order. As in FastAPI the last one
    /// added is the outermost: it sees the request first, and the response last.
    template <auto function>
    Module& add_middleware() {
        using Called = detail::Function<function>;
        static_assert(std::is_same_v<typename Called::Result, async::Task<http::Response>>,
                      "a middleware returns async::Task<http::Response>");
        static_assert(!Called::needs_call,
                      "a middleware takes http::Request&, const http::Next& and services: what it "
                      "wants of the request it reads by itself");
        middleware_.push_back({detail::function_name<function>(), Called::services(),
                               [](const Arguments& arguments) -> http::Middleware {
                                   return [services = arguments.services](http::Request& request,
                                                                          const http::Next& next) {
                                       return Called::call({.services = services,
                                                            .request = &request,
                                                            .next = &next});
                                   };
                               }});
        return *this;
    }
    /// One that is made already: `add_middleware(http::cors({.allow_origins = {"*"}}))`.
    Module& add_middleware(http::Middleware middleware);

    /// Runs before the first request, when the database is connected and migrated, in the order
    /// given; what it throws ends the start. Returns `void` or `async::Task<>`.
    template <auto function>
    Module& on_startup() {
        startup_.push_back(hook<function>());
        return *this;
    }
    /// Runs after the last request, in the reverse order, while the database is still connected.
    template <auto function>
    Module& on_shutdown() {
        shutdown_.push_back(hook<function>());
        return *this;
    }

    /// Copies another module, with its endpoints below a prefix: `include(shop(), "/v1",
    /// {.tags = {"shop"}})`. Its on_error is for all endpoints of the application, and its
    /// middleware for all requests, as if added here.
    Module& include(const Module& other) { return include(other, "", {}); }
    Module& include(const Module& other, const std::string& prefix, const IncludeOptions& options);
    Module& include(const Module& other, const std::string& prefix) {
        return include(other, prefix, {});
    }

    const std::vector<Endpoint>& endpoints() const noexcept { return endpoints_; }
    const std::vector<Provider>& providers() const noexcept { return providers_; }
    const std::vector<http::ErrorHandler>& error_handlers() const noexcept {
        return error_handlers_;
    }
    /// The innermost first.
    const std::vector<MiddlewareSource>& middleware() const noexcept { return middleware_; }
    const std::vector<Hook>& startup() const noexcept { return startup_; }
    const std::vector<Hook>& shutdown() const noexcept { return shutdown_; }

  private:
    template <class Made>
    struct Provided {
        struct Holder {
            template <class Call>
            Holder(const Arguments& arguments, Call call) : service(call(arguments)) {}
            Made service;
        };
        using Type = Made;
        template <class Call>
        static std::shared_ptr<void> share(const Arguments& arguments, Call call) {
            auto holder = std::make_shared<Holder>(arguments, call);
            return {holder, &holder->service};
        }
    };
    template <class T>
    struct Provided<std::unique_ptr<T>> {
        using Type = T;
        template <class Call>
        static std::shared_ptr<void> share(const Arguments& arguments, Call call) {
            return std::shared_ptr<T>(call(arguments));
        }
    };

    template <auto handler>
    Module& add(std::string_view method, std::string path, const EndpointOptions& options) {
        using Called = detail::Function<handler>;
        using Result = typename Called::Result;
        static_assert(detail::is_task<Result>, "a handler returns async::Task<…>");
        static constexpr Source source{
            .name = detail::function_name<handler>(),
            .status = std::is_same_v<Result, async::Task<>> ? 204 : 200,
            .operation = &detail::describe_operation<handler>,
            .services = &Called::services,
            .dependencies = &Called::dependencies,
            .call = &detail::call_handler<handler>,
        };
        return add(method, std::move(path), options, source);
    }

    /// What the compiler knows of a handler.
    struct Source {
        std::string_view name;
        int status;
        Operation (*operation)();
        std::vector<const TypeName*> (*services)();
        std::vector<const DependencyName*> (*dependencies)();
        async::Task<http::Response> (*call)(const Arguments&);
    };
    Module& add(std::string_view method, std::string path, const EndpointOptions& options,
                const Source& source);

    template <auto function>
    static std::vector<const TypeName*> services_for() {
        using Called = detail::Function<function>;
        static_assert(!Called::takes_request && !Called::takes_next && !Called::needs_call,
                      "there is no request when this function runs: it takes services only");
        return Called::services();
    }

    template <auto function>
    static Hook hook() {
        using Result = typename detail::Function<function>::Result;
        static_assert(std::is_void_v<Result> || std::is_same_v<Result, async::Task<>>,
                      "returns void or async::Task<>");
        return {detail::function_name<function>(), services_for<function>(),
                [](Arguments arguments) -> async::Task<> {
                    if constexpr (std::is_void_v<Result>) {
                        detail::Function<function>::call(arguments);
                        co_return;
                    } else {
                        async::Task<> task = detail::Function<function>::call(arguments);
                        co_await std::move(task);
                    }
                }};
    }

    std::vector<Endpoint> endpoints_;
    std::vector<Provider> providers_;
    std::vector<http::ErrorHandler> error_handlers_;
    std::vector<MiddlewareSource> middleware_;
    std::vector<Hook> startup_;
    std::vector<Hook> shutdown_;
};

}  // namespace signalbox::api
