#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "signalbox/default_settings.hpp"
#include "signalbox/http/forwarded_headers.hpp"
#include "signalbox/http/ip_allow_list.hpp"
#include "signalbox/http/middleware.hpp"
#include "signalbox/http/wire/request_decoder.hpp"

namespace signalbox::http {

/// How a server listens and what it lets clients do. The flags of the same names say more.
struct ServerOptions {
    std::string name = "http";  ///< names its threads: `http-accept`, `http-loop-0`
    std::string host = "127.0.0.1";
    std::uint16_t port = 0;  ///< 0: any free one
    std::size_t workers = 1;
    IpAllowList forwarded_allow_ips{};
    ForwardedHeaders forwarded_headers{};
    std::string root_path{};               ///< Request::root_path, where no proxy says another
    std::vector<Middleware> middleware{};  ///< around every request, the first one outermost
    DecoderLimits limits{};
    std::string upload_dir = "/tmp";  ///< where bodies go that a route spools
    std::uint64_t limit_upload_disk = defaults::limit_upload_disk;  ///< bytes of all of them
    std::size_t limit_concurrency = defaults::limit_concurrency;
    /// Requests that have some.
    std::size_t limit_background_tasks = defaults::limit_background_tasks;
    std::size_t limit_connections = defaults::limit_connections;
    /// Of one client (see ClientNetwork), those in `forwarded_allow_ips` excepted; 0: no limit.
    std::size_t limit_connections_per_address = defaults::limit_connections_per_address;
    /// Past the limit every connection that waits for its client may go for a new one, not only one
    /// that is idle or of a client with more than its share. Only with one worker.
    bool newest_first = false;
    /// Bytes of requests that arrive or wait and of responses that clients do not take, all
    /// connections together, with what the kernel has of both (see MemoryBudget).
    std::size_t limit_buffered = defaults::limit_buffered;
    /// What a request takes besides its bytes while it arrives: of `limit_buffered` there has to be
    /// so much beyond the largest one, or it would never fit.
    static constexpr std::size_t room_to_arrive = std::size_t{192} * 1024;
    std::chrono::milliseconds timeout_request = defaults::timeout_request;
    std::chrono::milliseconds timeout_keep_alive = defaults::timeout_keep_alive;
    std::chrono::milliseconds timeout_request_head = defaults::timeout_request_head;
    std::chrono::milliseconds timeout_request_body = defaults::timeout_request_body;
    std::chrono::milliseconds timeout_write = defaults::timeout_write;        ///< without progress
    std::chrono::milliseconds slow_request_log = defaults::slow_request_log;  ///< 0: off
};

}  // namespace signalbox::http
