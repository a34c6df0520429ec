#pragma once

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

#include "signalbox/default_settings.hpp"

namespace signalbox::observe {
class DatabaseObserver;
}

namespace signalbox::db {

enum class Event {
    connected,
    lost,
    cannot_connect,
    transaction_idle,
    conflict,
    migrations_pending,
    migrations_applied,
    migrations_unknown,
};

struct PoolOptions {
    std::string url;
    /// Read again for each new connection, so that a rotated password needs no restart; empty when
    /// the URL came from elsewhere.
    std::filesystem::path url_file{};
    /// For listen(); empty for the pool's. It has to lead to PostgreSQL itself: a pooler in front
    /// of it takes sessions away.
    std::string listen_url{};
    std::filesystem::path listen_url_file{};  ///< as url_file
    std::string application_name{};           ///< in pg_stat_activity, unless the URL names one
    std::size_t size = defaults::database_pool_size;
    /// Connections that it may have before allow() gives it more; 0: all.
    std::size_t size_at_first = 0;
    std::size_t max_queue = defaults::database_max_queue;  ///< reads waiting for a connection
    /// Connections that streams may hold at once; 0: a third of them, at least one.
    std::size_t max_streams = 0;
    /// Of one execution of a stream, in bytes: how far its fastest reader is ahead of the slowest.
    std::size_t stream_window = std::size_t{4} * 1024 * 1024;
    /// Of all together, in bytes: what readers have yet to take of streams that need their
    /// connection no more. One for which there is no room keeps it until its readers have taken
    /// enough.
    std::size_t streams_left_over = std::size_t{64} * 1024 * 1024;
    /// How far a stream's reader may be behind the slowest pace, 64 KiB a second, while others
    /// wait.
    std::chrono::milliseconds stream_grace{10000};
    std::chrono::milliseconds startup_timeout = defaults::database_startup_timeout;
    /// Waiting for a connection included.
    std::chrono::milliseconds query_timeout = defaults::database_query_timeout;
    /// How long a transaction may run no statement before it is rolled back.
    std::chrono::milliseconds transaction_idle_timeout =
        defaults::database_transaction_idle_timeout;
    /// Of a connection; 0: unlimited.
    std::chrono::milliseconds max_lifetime = defaults::database_max_lifetime;
    bool prepare = defaults::database_prepare;
    bool share_reads = defaults::database_share_reads;
    /// Told of connections found and lost, of migrations, and of transactions that were idle: on
    /// the pool's threads and on event loops, mostly while they hold the pool's lock, so it must
    /// not block or call the pool. The text holds no password.
    std::function<void(Event, std::string_view)> on_event = [](Event, std::string_view) {};
    /// Told what libpq prints on the pool's threads, in one line; empty: it prints. Called on these
    /// threads, without the pool's lock.
    std::function<void(std::string_view)> on_notice{};
    /// Told what each read costs, on any thread; outlives the pool; null: nobody is told.
    observe::DatabaseObserver* observer = nullptr;
};

}  // namespace signalbox::db
