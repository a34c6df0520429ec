#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

/// What holds where nobody says other, with a flag or in code: the defaults that config::Config
/// shares with http::ServerOptions and db::PoolOptions, which say what each means.
namespace signalbox::defaults {

// The database
inline constexpr std::size_t database_pool_size = 10;
inline constexpr std::size_t database_max_queue = 1024;
inline constexpr std::chrono::seconds database_startup_timeout{30};
inline constexpr std::chrono::seconds database_query_timeout{5};
inline constexpr std::chrono::seconds database_transaction_idle_timeout{5};
inline constexpr std::chrono::minutes database_max_lifetime{30};
inline constexpr bool database_prepare = true;
inline constexpr bool database_share_reads = true;

// Time limits
inline constexpr std::chrono::seconds timeout_request{30};
inline constexpr std::chrono::seconds timeout_keep_alive{75};
inline constexpr std::chrono::seconds timeout_request_head{10};
inline constexpr std::chrono::seconds timeout_request_body{30};
inline constexpr std::chrono::seconds timeout_write{30};
inline constexpr std::chrono::seconds slow_request_log{10};

// Limits; sizes are bytes
inline constexpr std::size_t limit_concurrency = 10'000;
inline constexpr std::size_t limit_background_tasks = 1'000;
inline constexpr std::size_t limit_connections = 20'000;
inline constexpr std::size_t limit_connections_per_address = 0;
inline constexpr std::size_t limit_request_head = std::size_t{32} << 10;
inline constexpr std::size_t limit_request_body = std::size_t{1} << 20;
inline constexpr std::size_t limit_buffered = std::size_t{512} << 20;
inline constexpr std::uint64_t limit_upload_disk = std::uint64_t{4} << 30;

}  // namespace signalbox::defaults
