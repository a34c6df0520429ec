#pragma once

#include <any>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "signalbox/api/module.hpp"
#include "signalbox/testing/form.hpp"
#include "signalbox/testing/response.hpp"

namespace signalbox::test {

class Database;

/// Calls endpoints of an application or a module in this process, without a socket (FastAPI's
/// TestClient).
///
///     test::Client client(shop::module(), database);
///     client.replace<current_user>(User{"ada"});
///     const auto response = client.get("/items?limit=2");
///     ASSERT_EQ(response.status, 200) << response;
///     EXPECT_EQ(response.json()[0]["id"], 1);
///
/// A request goes through what the service has: the decoder of requests, the router, the request's
/// context with its id, trace and deadline, middleware, the table of errors. Only the connection
/// and the limits of a whole server are missing. A redirect is not followed.
///
/// Handlers run on an event loop of the client's own, one request at a time. The first request
/// makes the services and runs `on_startup`. What handlers log, from warnings up, goes to standard
/// output.
///
/// Threads: one, which is no event loop's.
class Client {
  public:
    /// Of a module that takes no `db::Pool&`, unless that is replaced.
    explicit Client(const api::Module& module);
    /// With a pool of connections to this database, which outlives the client.
    Client(const api::Module& module, const Database& database);
    /// As stop(), but what that throws is written to standard error.
    ~Client();
    Client(const Client&) = delete;
    Client& operator=(const Client&) = delete;

    /// Before the first request: whoever takes a `T&` is given this object, which outlives the
    /// client. Where the object's class is derived from the one that is taken, say which:
    /// `replace<Mailer>(fake_mailer)`.
    template <class T>
    Client& replace(T& service) {
        static_assert(!std::is_const_v<T>, "who takes it may take a T& and change it");
        return replace_service(api::detail::type_name<T>, &service);
    }

    /// Before the first request: `Depends<function>` is given this value, or what this callable
    /// without parameters returns for each request, also as an `async::Task`. What it throws is the
    /// answer. The function itself does not run, nor what it depends on.
    template <auto function, class Replacement>
    Client& replace(Replacement replacement) {
        using Value = typename api::Depends<function>::Value;
        using Replacing = std::function<async::Task<Value>()>;
        Replacing replacing;
        if constexpr (!std::is_invocable_v<Replacement&>) {
            replacing = [value = Value(std::move(replacement))]() -> async::Task<Value> {
                co_return Value(value);
            };
        } else if constexpr (std::is_convertible_v<std::invoke_result_t<Replacement&>,
                                                   async::Task<Value>>) {
            replacing = std::move(replacement);
        } else {
            replacing = [call = std::move(replacement)]() mutable -> async::Task<Value> {
                co_return Value(call());
            };
        }
        return replace_dependency(api::detail::dependency_name<function>, std::move(replacing));
    }

    /// `target` is a path, with a query or without, as it would be sent: percent-encoded. A body
    /// is sent as `application/json` unless `headers` has a Content-Type. They return when the
    /// request's background tasks have ended, too.
    Response get(std::string_view target, const Headers& headers = {});
    Response head(std::string_view target, const Headers& headers = {});
    Response post(std::string_view target, std::string_view body = {}, const Headers& headers = {});
    /// As a browser sends a form: `client.post_form("/greet", test::Form().field("name", "Ada"))`.
    Response post_form(std::string_view target, const Form& form, const Headers& headers = {});
    Response put(std::string_view target, std::string_view body = {}, const Headers& headers = {});
    Response patch(std::string_view target, std::string_view body = {},
                   const Headers& headers = {});
    /// DELETE, which is a keyword of the language.
    Response del(std::string_view target, const Headers& headers = {});
    Response options(std::string_view target, const Headers& headers = {});

    /// Throws std::invalid_argument when the parts do not make exactly one request, and what
    /// start() throws when that has not been called. A request that the server would refuse, such
    /// as one with a bad header, is answered.
    Response request(std::string_view method, std::string_view target, std::string_view body = {},
                     const Headers& headers = {});

    /// GET of a stream that has no end, as one of server-sent events may have none: the client
    /// leaves when it has this many pieces, which the response is made of, or when the stream has
    /// ended.
    Response get_pieces(std::string_view target, std::size_t pieces, const Headers& headers = {});

    /// Makes the services and runs what `on_startup` names, as `serve` does before it listens; done
    /// by the first request otherwise. Throws std::invalid_argument when something is missing, or
    /// replaced although nobody takes it; and what factories and `on_startup` throw.
    void start();

    /// Cancels the service's own loops, runs what `on_shutdown` names, and ends what is left.
    /// Throws what that throws, and std::runtime_error when a loop does not end. No request after
    /// it.
    void stop();

  private:
    class Service;

    Client& replace_service(const api::TypeName& type, void* service);
    Client& replace_dependency(const api::DependencyName& dependency, std::any replacement);

    std::unique_ptr<Service> service_;
};

}  // namespace signalbox::test
