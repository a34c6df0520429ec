#pragma once

#include <asio/basic_waitable_timer.hpp>
#include <asio/io_context.hpp>
#include <asio/posix/basic_stream_descriptor.hpp>
#include <curl/curl.h>

#include <chrono>
#include <cstddef>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "signalbox/async/task.hpp"
#include "signalbox/client/detail/transfer.hpp"

namespace signalbox::client {

/// The requests of one client that are on their way on one event loop, and the connections that it
/// keeps: libcurl's multi handle, which the loop tells when a socket is ready or time has passed.
///
/// Threads: the loop's.
class Transfers : public std::enable_shared_from_this<Transfers> {
  public:
    Transfers(asio::io_context& loop, const HttpClientOptions& options);
    ~Transfers();
    Transfers(const Transfers&) = delete;
    Transfers& operator=(const Transfers&) = delete;

    /// Suspends the caller until libcurl has done with it. It is taken from libcurl at once when
    /// the caller is cancelled. `addresses` are those of its URL's host, none when that is one.
    async::Task<> run(std::shared_ptr<Transfer> transfer, std::vector<std::string> addresses);

    /// Ends what is on its way: cancels it, or, when the loop ends, destroys who waits for it.
    void close(bool loop_ends);

  private:
    struct Socket;
    struct CleanUp {
        void operator()(CURLM* multi) const { ::curl_multi_cleanup(multi); }
    };

    void start(const std::shared_ptr<Transfer>& transfer,
               const std::vector<std::string>& addresses);
    /// Out of libcurl.
    void remove(Transfer& transfer);
    std::vector<std::string> names_for(const Url& url, const std::vector<std::string>& addresses);
    void release_name(const Url& url);

    void act(curl_socket_t socket, int ready);
    void end_those_done();
    void watch(const std::shared_ptr<Socket>& socket);
    void set_timer(long milliseconds);

    // libcurl calls these, and must not be called meanwhile.
    static int on_socket(CURL*, curl_socket_t native, int wanted, void* self, void*);
    static int on_timer(CURLM*, long milliseconds, void* self);
    static curl_socket_t open_socket(void* self, curlsocktype, curl_sockaddr* address);
    static int close_socket(void* self, curl_socket_t native);

    asio::io_context& loop_;
    using Clock = std::chrono::steady_clock;
    std::optional<asio::basic_waitable_timer<Clock, asio::wait_traits<Clock>,
                                             asio::io_context::executor_type>>
        timer_;  ///< until it is closed
    bool closed_ = false;
    std::map<curl_socket_t, std::shared_ptr<Socket>> sockets_;
    std::set<std::shared_ptr<Transfer>> running_;
    /// What libcurl's list of names has for ever, by how many transfers use it; and what of it is
    /// to go.
    std::map<std::string, std::size_t> names_;
    std::vector<std::string> outdated_names_;
    std::unique_ptr<CURLM, CleanUp> multi_;  ///< the last: its end closes sockets
};

}  // namespace signalbox::client
