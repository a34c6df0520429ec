#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace signalbox::http {

/// The methods of RFC 9110, section 9, and PATCH (RFC 5789).
enum class Method { Get, Head, Post, Put, Patch, Delete, Options, Trace, Connect };

/// As it is sent: `GET`.
std::string_view to_string(Method method);
std::optional<Method> parse_method(std::string_view name);

struct Header {
    std::string_view name;
    std::string_view value;  ///< without the white space around it
};

class BodyFile;
struct Route;

/// What the router found for a request.
struct Match {
    const Route* route = nullptr;  ///< null: the path is unknown, or not with this method
    std::string_view allow;        ///< the methods the path has, empty when it is unknown
    bool redirect = false;         ///< the path is known without its trailing slash
};

/// One HTTP request, complete with its body.
///
/// Lifetime: views returned from it live as long as the request, which lives until its response is
/// sent and all coroutines that its handler spawned have ended. Threads: its event loop's.
class Request {
  public:
    Request() = default;
    Request(const Request&) = delete;  // `headers` looks into `head`
    Request& operator=(const Request&) = delete;

    /// What a handler reads.
    std::optional<std::string_view> header(std::string_view name) const;  ///< first of this name
    std::optional<std::string_view> path_parameter(std::string_view name) const;
    /// A query parameter's first value, decoded. `query.hpp` goes over all of them.
    std::optional<std::string> query_parameter(std::string_view name) const;
    /// The last cookie of this name. `cookies.hpp` goes over all of them, and sets some.
    std::optional<std::string> cookie(std::string_view name) const;

    /// About the memory it occupies, for the bound on requests that wait. A small request occupies
    /// much more than the bytes that arrived.
    std::size_t memory_size() const noexcept {
        std::size_t size = sizeof(Request) + head.size() + body.size() + path.size() +
                           headers.capacity() * sizeof(Header) + forwarded_client.size() + 128;
        for (const auto& [name, value] : path_parameters)
            size += sizeof path_parameters[0] + name.size() + value.size();
        return size;
    }

    Method method = Method::Get;
    int version_minor = 1;
    std::string path;        ///< percent-decoded
    std::string_view query;  ///< as sent, without the question mark
    std::string body;
    std::shared_ptr<const BodyFile> body_file{};  ///< has it in place of `body`: Route::spools_body

    // What the server fills in before the handler runs.
    std::string head;  ///< the bytes of request line and header lines
    std::vector<Header> headers;
    std::string_view raw_path;     ///< as sent, before decoding
    std::string_view method_name;  ///< as sent; `method` is meaningless when it is unknown
    bool method_known = true;
    bool keep_alive = true;
    std::string peer_address;          ///< whose connection it is
    std::string_view client_address;   ///< the peer's, or what a trusted proxy says
    std::string forwarded_client;      ///< that, where it is not the peer's
    std::string_view scheme = "http";  ///< or `https`, as a trusted proxy says
    /// The path below which a proxy has the API, which is in no other member: empty, or with a
    /// slash in front and none at the end. --root-path, or what a trusted proxy says.
    std::string_view root_path;
    std::size_t wire_size = 0;  ///< bytes that arrived for this request, head and body

    Match match;
    std::vector<std::pair<std::string, std::string>> path_parameters;
};

}  // namespace signalbox::http
