#include "support/http_client.hpp"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <memory>
#include <stdexcept>
#include <system_error>

namespace signalbox::test {

namespace {

constexpr long timeout_seconds = 60;

[[noreturn]] void throw_errno(const char* what) {
    throw std::system_error(errno, std::generic_category(), what);
}

std::size_t append_body(char* data, std::size_t size, std::size_t count, void* body) {
    static_cast<std::string*>(body)->append(data, size * count);
    return size * count;
}

std::size_t add_header(char* data, std::size_t size, std::size_t count, void* response) {
    const std::string_view line(data, size * count);
    const std::size_t colon = line.find(':');
    if (colon != std::string_view::npos) {
        std::string name(line.substr(0, colon));
        std::transform(name.begin(), name.end(), name.begin(),
                       [](unsigned char c) { return std::tolower(c); });
        std::string value(line.substr(colon + 1));
        value.erase(0, value.find_first_not_of(' '));
        value.erase(value.find_last_not_of("\r\n") + 1);
        static_cast<HttpResponse*>(response)->headers.emplace_back(std::move(name),
                                                                   std::move(value));
    }
    return size * count;
}

/// One request of libcurl's, with all that has to live as long as it does.
class Transfer {
  public:
    explicit Transfer(const HttpRequest& request) : request_(request), curl_(curl_easy_init()) {
        for (const std::string& header : request_.headers) {
            headers_ = curl_slist_append(headers_, header.c_str());
        }
        set(CURLOPT_URL, request_.url.c_str());
        set(CURLOPT_HTTPHEADER, headers_);
        set(CURLOPT_NOSIGNAL, 1L);
        set(CURLOPT_TIMEOUT, timeout_seconds);
        set(CURLOPT_WRITEFUNCTION, &append_body);
        set(CURLOPT_WRITEDATA, &response_.body);
        set(CURLOPT_HEADERFUNCTION, &add_header);
        set(CURLOPT_HEADERDATA, &response_);
        if (request_.method == "HEAD") {
            set(CURLOPT_NOBODY, 1L);
        } else {
            set(CURLOPT_CUSTOMREQUEST, request_.method.c_str());
        }
        if (request_.body) {
            set(CURLOPT_POSTFIELDSIZE, static_cast<long>(request_.body->size()));
            set(CURLOPT_POSTFIELDS, request_.body->c_str());
        }
    }
    ~Transfer() {
        curl_slist_free_all(headers_);
        curl_easy_cleanup(curl_);
    }
    Transfer(const Transfer&) = delete;
    Transfer& operator=(const Transfer&) = delete;

    CURL* handle() { return curl_; }

    HttpResponse finish(CURLcode result) {
        if (result != CURLE_OK) {
            throw std::runtime_error(request_.url + ": " + curl_easy_strerror(result));
        }
        long status = 0;
        double seconds = 0;
        curl_easy_getinfo(curl_, CURLINFO_RESPONSE_CODE, &status);
        curl_easy_getinfo(curl_, CURLINFO_TOTAL_TIME, &seconds);
        response_.status = static_cast<int>(status);
        response_.duration = std::chrono::duration<double>(seconds);
        return std::move(response_);
    }

  private:
    template <class Value>
    void set(CURLoption option, Value value) {
        if (curl_easy_setopt(curl_, option, value) != CURLE_OK) {
            throw std::logic_error("libcurl refused an option");
        }
    }

    const HttpRequest request_;
    HttpResponse response_;
    curl_slist* headers_ = nullptr;
    CURL* curl_;
};

}  // namespace

std::optional<std::string> HttpResponse::header(std::string_view name) const {
    for (const auto& [header, value] : headers) {
        if (header == name) return value;
    }
    return std::nullopt;
}

HttpResponse send(const HttpRequest& request) {
    Transfer transfer(request);
    return transfer.finish(curl_easy_perform(transfer.handle()));
}

HttpResponse get(const std::string& url) {
    return send({.url = url});
}

std::vector<HttpResponse> send_all(const std::vector<HttpRequest>& requests) {
    const std::unique_ptr<CURLM, decltype(&curl_multi_cleanup)> multi(curl_multi_init(),
                                                                      &curl_multi_cleanup);
    std::vector<std::unique_ptr<Transfer>> transfers;
    for (const HttpRequest& request : requests) {
        transfers.push_back(std::make_unique<Transfer>(request));
        curl_easy_setopt(transfers.back()->handle(), CURLOPT_PRIVATE,
                         reinterpret_cast<char*>(transfers.size() - 1));
        curl_multi_add_handle(multi.get(), transfers.back()->handle());
    }
    std::vector<CURLcode> results(requests.size(), CURLE_OPERATION_TIMEDOUT);
    int running = 1;
    while (running > 0) {
        curl_multi_perform(multi.get(), &running);
        int queued = 0;
        while (const CURLMsg* message = curl_multi_info_read(multi.get(), &queued)) {
            char* index = nullptr;
            curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &index);
            results[reinterpret_cast<std::size_t>(index)] = message->data.result;
        }
        if (running > 0) curl_multi_poll(multi.get(), nullptr, 0, 1000, nullptr);
    }
    std::vector<HttpResponse> responses;
    for (std::size_t i = 0; i < transfers.size(); ++i) {
        curl_multi_remove_handle(multi.get(), transfers[i]->handle());
        responses.push_back(transfers[i]->finish(results[i]));
    }
    return responses;
}

RawClient RawClient::from(const std::string& address, int port, int receive_buffer) {
    return {address, port, receive_buffer};
}

RawClient::RawClient(int port, int receive_buffer) : RawClient({}, port, receive_buffer) {}

RawClient::RawClient(const std::string& from, int port, int receive_buffer)
    : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    if (socket_ < 0) throw_errno("socket");
    if (receive_buffer > 0) {
        ::setsockopt(socket_, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
        // With the segments of loopback, 64 KB each, the kernel would take megabytes of a response.
        const int segment = 1460;
        ::setsockopt(socket_, IPPROTO_TCP, TCP_MAXSEG, &segment, sizeof segment);
    }
    sockaddr_in address{};
    address.sin_family = AF_INET;
    if (!from.empty()) {
        if (::inet_pton(AF_INET, from.c_str(), &address.sin_addr) != 1 ||
            ::bind(socket_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
            ::close(socket_);
            throw std::runtime_error("cannot connect from " + from);
        }
    }
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::connect(socket_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
        const int error = errno;
        ::close(socket_);
        errno = error;
        throw_errno("connect");
    }
    // What is sent in pieces shall travel in pieces.
    const int no_delay = 1;
    ::setsockopt(socket_, IPPROTO_TCP, TCP_NODELAY, &no_delay, sizeof no_delay);
}

RawClient::RawClient(const std::filesystem::path& path)
    : socket_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    if (socket_ < 0) throw_errno("socket");
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.native().copy(address.sun_path, sizeof address.sun_path - 1);
    if (::connect(socket_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
        const int error = errno;
        ::close(socket_);
        errno = error;
        throw_errno("connect");
    }
}

RawClient::~RawClient() {
    if (socket_ >= 0) ::close(socket_);
}

RawClient::RawClient(RawClient&& other) noexcept
    : socket_(std::exchange(other.socket_, -1)), buffered_(std::move(other.buffered_)) {}

void RawClient::send(std::string_view bytes) {
    while (!bytes.empty()) {
        const ssize_t sent = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (sent < 0) throw_errno("send");
        bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
}

std::size_t RawClient::send_what_is_taken(std::string_view bytes) {
    constexpr int a_while_ms = 1000;
    std::size_t taken = 0;
    while (taken < bytes.size()) {
        const ssize_t sent = ::send(socket_, bytes.data() + taken, bytes.size() - taken,
                                    MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent >= 0) {
            taken += static_cast<std::size_t>(sent);
            continue;
        }
        pollfd writable{.fd = socket_, .events = POLLOUT, .revents = 0};
        if (errno != EAGAIN || ::poll(&writable, 1, a_while_ms) <= 0) break;
    }
    return taken;
}

bool RawClient::is_cut_while_sending(std::string_view bytes) {
    while (!bytes.empty()) {
        const ssize_t sent = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (sent < 0) return errno == ECONNRESET || errno == EPIPE;
        bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    // The kernel took it all. What the server did not read makes its close a reset.
    char byte = 0;
    pollfd readable{.fd = socket_, .events = POLLIN, .revents = 0};
    return ::poll(&readable, 1, timeout_seconds * 1000) > 0 && ::recv(socket_, &byte, 1, 0) <= 0;
}

void RawClient::close_sending_side() {
    ::shutdown(socket_, SHUT_WR);
}

void RawClient::reset_on_close() {
    const linger at_once{.l_onoff = 1, .l_linger = 0};
    ::setsockopt(socket_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
}

bool RawClient::fill() {
    pollfd readable{.fd = socket_, .events = POLLIN, .revents = 0};
    if (::poll(&readable, 1, timeout_seconds * 1000) <= 0) {
        throw std::runtime_error("the server sends nothing; so far: " + buffered_);
    }
    char chunk[65536];
    const ssize_t received = ::recv(socket_, chunk, sizeof chunk, 0);
    if (received < 0) throw_errno("recv");
    buffered_.append(chunk, static_cast<std::size_t>(received));
    return received > 0;
}

std::string RawClient::read_until(std::string_view text) {
    while (buffered_.find(text) == std::string::npos) {
        if (!fill()) throw std::runtime_error("the server closed; so far: " + buffered_);
    }
    const std::size_t end = buffered_.find(text) + text.size();
    std::string result = buffered_.substr(0, end);
    buffered_.erase(0, end);
    return result;
}

std::string RawClient::read_some() {
    if (buffered_.empty()) fill();
    return std::exchange(buffered_, {});
}

std::string RawClient::read_to_end() {
    while (fill()) {
    }
    return std::exchange(buffered_, {});
}

std::string RawClient::read_response() {
    std::string response = read_until("\r\n\r\n");
    static constexpr std::string_view length = "\r\nContent-Length: ";
    const std::size_t found = response.find(length);
    const std::size_t body =
        found == std::string::npos ? 0 : std::stoul(response.substr(found + length.size()));
    while (buffered_.size() < body) {
        if (!fill()) throw std::runtime_error("the server closed in the middle of a body");
    }
    response += buffered_.substr(0, body);
    buffered_.erase(0, body);
    return response;
}

}  // namespace signalbox::test
