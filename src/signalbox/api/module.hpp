#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "signalbox/api/injection.hpp"
#include "signalbox/http/response.hpp"

namespace signalbox::api {

/// One row of the table of endpoints, made from a handler.
struct Endpoint {
    std::string_view method;
    std::string path;       ///< a template: `/items/{id}`
    std::string_view name;  ///< of the handler
    std::vector<const TypeName*> services;
    std::vector<const DependencyName*> dependencies;  ///< and theirs
    async::Task<http::Response> (*call)(const Arguments&);
};

/// How a service is made that the application provides.
struct Provider {
    const TypeName* type;
    std::vector<const TypeName*> services;  ///< that it is made from
    std::function<std::shared_ptr<void>(const Arguments&)> make;
};

/// What runs before the first request, or after the last.
struct Hook {
    std::string_view name;
    std::vector<const TypeName*> services;
    async::Task<> (*run)(Arguments);
};

/// Endpoints with what they need: a part of an application that is written, included and tested by
/// itself (FastAPI's APIRouter). Everything is given as a function, as in
/// `get<list_items>("/items")`; injection.hpp says what its parameters can be.
///
/// Nothing is checked or run here: the application that it is included in does so when it starts,
/// and says what is missing.
class Module {
  public:
    /// A handler returns `async::Task<http::Response>`. It runs on the connection's event loop,
    /// which it must not block. What it throws becomes a 500, except http::HttpError. GET answers
    /// HEAD as well.
    template <auto handler>
    Module& get(std::string path) {
        return add<handler>("GET", std::move(path));
    }
    template <auto handler>
    Module& post(std::string path) {
        return add<handler>("POST", std::move(path));
    }
    template <auto handler>
    Module& put(std::string path) {
        return add<handler>("PUT", std::move(path));
    }
    template <auto handler>
    Module& patch(std::string path) {
        return add<handler>("PATCH", std::move(path));
    }
    /// DELETE, which is a keyword of the language.
    template <auto handler>
    Module& del(std::string path) {
        return add<handler>("DELETE", std::move(path));
    }
    template <auto handler>
    Module& options(std::string path) {
        return add<handler>("OPTIONS", std::move(path));
    }

    /// A service for those who take a `T&`: what `factory` returns (`T` or `std::unique_ptr<T>`).
    /// It is made once, before the first request, after the services that the factory itself takes,
    /// and destroyed after the last in the reverse order. Handlers use it from every event loop:
    /// it is to be safe for that.
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

    /// All of another module.
    Module& include(const Module& other);

    const std::vector<Endpoint>& endpoints() const noexcept { return endpoints_; }
    const std::vector<Provider>& providers() const noexcept { return providers_; }
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
    Module& add(std::string_view method, std::string path) {
        using Called = detail::Function<handler>;
        static_assert(std::is_same_v<typename Called::Result, async::Task<http::Response>>,
                      "a handler returns async::Task<http::Response>");
        endpoints_.push_back({method, std::move(path), detail::function_name<handler>(),
                              Called::services(), Called::dependencies(),
                              &detail::call_task<handler>});
        return *this;
    }

    template <auto function>
    static std::vector<const TypeName*> services_for() {
        using Called = detail::Function<function>;
        static_assert(!Called::takes_request && !Called::has_dependencies,
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
                        co_await detail::call_task<function>(arguments);
                    }
                }};
    }

    std::vector<Endpoint> endpoints_;
    std::vector<Provider> providers_;
    std::vector<Hook> startup_;
    std::vector<Hook> shutdown_;
};

}  // namespace signalbox::api
