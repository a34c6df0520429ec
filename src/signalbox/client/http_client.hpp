#pragma once

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "signalbox/async/task.hpp"
#include "signalbox/client/error.hpp"
#include "signalbox/http/request.hpp"
#include "signalbox/http/response.hpp"
#include "signalbox/model/reader.hpp"
#include "signalbox/model/type.hpp"

namespace signalbox::api {
class Metrics;
}

namespace signalbox::client {

/// What another service has answered, whatever its status.
struct Response {
    int status = 0;
    http::Headers headers{};  ///< as sent, without those of redirects; of some there can be several
    std::string body{};       ///< decompressed
    std::string origin{};     ///< who answered: `https://example.com:443`

    /// The first of this name, in any case.
    [[nodiscard]] std::optional<std::string_view> header(std::string_view name) const;

    /// Whether the status is 2xx.
    [[nodiscard]] bool ok() const noexcept { return status >= 200 && status < 300; }
    /// Throws StatusError for 4xx and 5xx. Returns this, so that json() can be called on it.
    const Response& raise_for_status() const;

    /// The body as a value. Throws InvalidAnswer when it is none of this type.
    template <class T>
    [[nodiscard]] T json() const {
        try {
            return model::from_json<T>(body);
        } catch (const model::InvalidJson& error) {
            throw_invalid(error.what());
        }
    }

  private:
    [[noreturn]] void throw_invalid(std::string_view why) const;
};

/// Bytes that are sent as they are.
class Content {
  public:
    explicit Content(std::string bytes, std::string type = "application/octet-stream")
        : bytes_(std::move(bytes)), type_(std::move(type)) {}

    [[nodiscard]] const std::string& bytes() const noexcept { return bytes_; }
    [[nodiscard]] const std::string& type() const noexcept { return type_; }

  private:
    std::string bytes_;
    std::string type_;
};

/// What one call wants to have different: `CallOptions().header("Accept", "text/csv").timeout(2s)`.
class CallOptions {
  public:
    CallOptions() = default;

    /// One more header. Throws std::invalid_argument for what cannot be one, as with a line break
    /// in it, and for those that say where a message ends.
    CallOptions& header(std::string_view name, std::string_view value);
    /// For the whole call: name, connection, redirects and repetitions included.
    CallOptions& timeout(std::chrono::milliseconds timeout);
    /// Whether the call may be done twice: by default no POST or PATCH, and every other method.
    CallOptions& repeatable(bool repeatable = true);
    CallOptions& retries(unsigned most);
    CallOptions& redirects(unsigned most);
    CallOptions& limit_body(std::size_t bytes);

  private:
    friend class HttpClient;

    http::Headers headers_;
    std::optional<std::chrono::milliseconds> timeout_;
    std::optional<bool> repeatable_;
    std::optional<unsigned> retries_;
    std::optional<unsigned> redirects_;
    std::optional<std::size_t> limit_body_;
};

/// What all calls of a client have in common.
struct HttpClientOptions {
    /// In front of every URL that begins with a slash: `https://example.com/v2`.
    std::string base_url{};
    http::Headers headers{};   ///< of each call, as to say who calls; not sent along by a redirect
    std::string user_agent{};  ///< empty: `signalbox/` and the library's version

    std::chrono::milliseconds timeout{10000};         ///< of a call, whatever happens in it
    std::chrono::milliseconds connect_timeout{3000};  ///< of the name, and then of TCP and TLS
    /// How often what may be repeated is sent again: GET, HEAD, OPTIONS, PUT and DELETE, and what
    /// says so (CallOptions::repeatable), after a connection that failed or broke, 502, 503 or 504.
    unsigned retries = 2;
    /// The longest pause before the first repetition; it doubles with each. The pause is a random
    /// part of it, or what the other's Retry-After asks for. No repetition begins that could not be
    /// answered in time.
    std::chrono::milliseconds backoff{100};
    /// How many are followed. Another origin gets none of the call's headers but Accept,
    /// Accept-Language and Content-Type. A POST becomes a GET where browsers do that (301, 302,
    /// 303).
    unsigned redirects = 0;
    std::size_t limit_body = 8 * 1024 * 1024;  ///< of an answer, decompressed; in bytes

    /// Certificates in PEM that are trusted instead of the system's.
    std::filesystem::path ca_file{};
    std::filesystem::path certificate_file{};  ///< the client's own, in PEM, if it has one
    std::filesystem::path key_file{};
    bool verify_tls = true;  ///< false lets anybody in the middle read and change what is sent

    // Of each event loop:
    std::size_t connections_per_host = 100;  ///< beyond that calls wait
    std::size_t idle_connections = 100;      ///< kept open for the next call
    std::chrono::seconds connection_lifetime{300};

    /// How long an address is used before its name is looked up again; 0: each time.
    std::chrono::milliseconds name_lifetime{30000};
    std::size_t name_threads = 4;  ///< names that are looked up at once
    /// Instead of getaddrinfo(3): the addresses of a host, in numbers. It may block, and is called
    /// on the client's own threads, which it outlives; what it throws is why there are none.
    std::function<std::vector<std::string>(const std::string& host)> look_up{};
};

/// Calls other services by HTTP/1.1 (Python's httpx.AsyncClient):
///
///     client::Response response = co_await http.get("https://example.com/rates");
///     auto rates = response.raise_for_status().json<Rates>();
///     co_await http.post("https://example.com/orders", order);  // a model, as JSON
///
/// An application provides one, or several, made from `api::Metrics&`, and handlers take a
/// `client::HttpClient&`. Nobody waits in a thread: libcurl is driven by the event loop of the one
/// who calls, and names are looked up on threads of the client's own. Each loop keeps its
/// connections for itself.
///
/// A call ends with the request that it is made for. It gets no more time than the request has
/// left, it is ended at once when the request is cancelled, and it carries its trace (`traceparent`
/// with a span of its own, `tracestate`). What async::spawn() has started has the client's timeout
/// alone.
///
/// Only http and https are spoken. Certificates are verified, no redirect is followed unless it is
/// asked for, and neither proxies nor credentials are taken from the environment.
///
/// Each throws what error.hpp lists, and std::invalid_argument for a URL or header that is none. A
/// call that is cancelled ends with `asio::system_error` (`asio::error::operation_aborted`).
///
/// Threads: any event loop's. Lifetime: what is in flight when it is destroyed is cancelled; the
/// metrics outlive it.
class HttpClient {
  public:
    explicit HttpClient(HttpClientOptions options = {});
    /// Counted as `http_client_…`.
    explicit HttpClient(const api::Metrics& metrics, HttpClientOptions options = {});
    ~HttpClient();
    HttpClient(const HttpClient&) = delete;
    HttpClient& operator=(const HttpClient&) = delete;

    async::Task<Response> get(std::string_view url, const CallOptions& options = {}) {
        return request(http::Method::Get, url, options);
    }
    async::Task<Response> head(std::string_view url, const CallOptions& options = {}) {
        return request(http::Method::Head, url, options);
    }
    /// DELETE, which is a keyword of the language.
    async::Task<Response> del(std::string_view url, const CallOptions& options = {}) {
        return request(http::Method::Delete, url, options);
    }
    /// `body` is a model or what one can consist of (model/type.hpp), which is sent as JSON, or a
    /// Content.
    template <class Body>
    async::Task<Response> post(std::string_view url, const Body& body,
                               const CallOptions& options = {}) {
        return request(http::Method::Post, url, content_of(body), options);
    }
    template <class Body>
    async::Task<Response> put(std::string_view url, const Body& body,
                              const CallOptions& options = {}) {
        return request(http::Method::Put, url, content_of(body), options);
    }
    template <class Body>
    async::Task<Response> patch(std::string_view url, const Body& body,
                                const CallOptions& options = {}) {
        return request(http::Method::Patch, url, content_of(body), options);
    }

    /// With any method but CONNECT and TRACE. All is copied at the call.
    async::Task<Response> request(http::Method method, std::string_view url,
                                  const CallOptions& options = {});
    async::Task<Response> request(http::Method method, std::string_view url, const Content& content,
                                  const CallOptions& options = {});

  private:
    class Shared;

    template <class Body>
    static Content content_of(const Body& body) {
        if constexpr (std::is_same_v<Body, Content>) {
            return body;
        } else {
            std::string json;
            model::write_json(json, model::type_of<Body>, &body);
            return Content(std::move(json), "application/json");
        }
    }
    async::Task<Response> begin(http::Method method, std::string_view url, const Content* content,
                                const CallOptions& options);

    const std::shared_ptr<Shared> shared_;
};

}  // namespace signalbox::client
