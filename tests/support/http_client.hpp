#pragma once

#include <chrono>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace signalbox::test {

struct HttpResponse {
    int status = 0;
    std::string body;
    std::vector<std::pair<std::string, std::string>> headers;  ///< names in lower case
    std::chrono::duration<double> duration{};

    std::optional<std::string> header(std::string_view name) const;
};

struct HttpRequest {
    std::string url;
    std::string method = "GET";
    std::vector<std::string> headers{};  ///< `Name: value`
    std::optional<std::string> body{};
};

/// Sends a request with libcurl and waits for the answer. Redirects are not followed. Throws
/// std::runtime_error when there is no answer.
HttpResponse send(const HttpRequest& request);
HttpResponse get(const std::string& url);

/// Sends all at the same time, each on a connection of its own, and waits for all the answers.
std::vector<HttpResponse> send_all(const std::vector<HttpRequest>& requests);

/// A TCP connection for what no well-behaved client does.
class RawClient {
  public:
    /// With a small receive buffer it is a client that takes little at a time, over a network:
    /// what it does not read fills the server's buffer soon.
    explicit RawClient(int port, int receive_buffer = 0);
    /// From this address of 127.0.0.0/8, which the service takes for another machine's.
    static RawClient from(const std::string& address, int port, int receive_buffer = 0);
    /// By a Unix socket.
    explicit RawClient(const std::filesystem::path& path);
    ~RawClient();
    RawClient(RawClient&& other) noexcept;
    RawClient& operator=(RawClient&&) = delete;

    void send(std::string_view bytes);
    /// Sends until the server and the kernel take no more for a while; returns how many bytes.
    std::size_t send_what_is_taken(std::string_view bytes);
    /// Whether the server closes before it has taken all of it, and says nothing.
    bool is_cut_while_sending(std::string_view bytes);
    void close_sending_side();
    /// Lets the end of the connection be a TCP reset instead of a goodbye.
    void reset_on_close();
    /// Bytes until the text occurs in them; throws std::runtime_error when the connection ends or
    /// nothing comes for long before that.
    std::string read_until(std::string_view text);
    /// What has come, or else comes next; empty when the server has closed.
    std::string read_some();
    /// Bytes until the server closes; throws when it does not.
    std::string read_to_end();
    /// One response with a Content-Length.
    std::string read_response();

  private:
    RawClient(const std::string& from, int port, int receive_buffer);
    bool fill();

    int socket_ = -1;
    std::string buffered_;
};

}  // namespace signalbox::test
