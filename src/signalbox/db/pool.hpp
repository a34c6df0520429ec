#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>

#include "signalbox/async/task.hpp"
#include "signalbox/db/error.hpp"
#include "signalbox/db/statement.hpp"
#include "signalbox/json.hpp"

namespace signalbox::db {

class ConnectionPool;
struct PoolOptions;

/// Connections to PostgreSQL, each owned by a thread of its own, because libpqxx blocks. A
/// coroutine only ever awaits: while it does, it holds neither a thread nor a connection.
///
/// Every wait ends: a read that has no answer after `query_timeout` fails with Unavailable, and so
/// does one that finds the queue full. A lost connection is replaced, with backoff; reads wait for
/// it meanwhile, up to their deadline. What runs and nobody waits for any more is cancelled in
/// PostgreSQL. When PostgreSQL has said nothing for a second, an idle connection asks it whether it
/// still can.
///
/// Threads: any. Lifetime: disconnect() before the event loops of those who await end.
class Pool {
  public:
    explicit Pool(PoolOptions options);  ///< pool_options.hpp
    ~Pool();                             ///< disconnects
    Pool(const Pool&) = delete;
    Pool& operator=(const Pool&) = delete;

    /// Start-up: returns once a first connection stands; the others follow by themselves. Throws
    /// Unavailable, naming host and database, after the start-up timeout or when asked to stop.
    void connect(std::stop_token stop = {});

    /// Gives it so many connections more than size_at_first, up to `size`. Any number of times.
    void allow(std::size_t connections);

    /// Gives up its connections to another process: each that no read waits for is closed, and then
    /// `released` called, on the pool's threads. It must not block or call the pool. One connection
    /// stays until disconnect(), for the requests that are still in flight.
    void give_up(std::function<void()> released);

    /// Shutdown: finishes the reads that run, fails those that wait, closes every connection.
    void disconnect();

    /// Runs a query and returns all its rows as a JSON array (db/detail/rows_json.hpp says
    /// what becomes of each type). Parameters are `$1`, `$2`, … in the SQL: `co_await
    /// database.fetch_all("… WHERE id = $1", id)`.
    ///
    /// Resumes on the caller's event loop. Throws Unavailable or Error (error.hpp). With sharing,
    /// identical reads that wait together are run once for all.
    template <class... Parameters>
    async::Task<JsonText> fetch_all(std::string_view sql, const Parameters&... parameters) {
        return fetch(Statement{std::string(sql), {to_parameter(parameters)...}});
    }

    /// Whether there is a connection, and PostgreSQL answers on it as far as is known.
    bool reachable() const;

    struct Usage {
        std::size_t idle;     ///< connections
        std::size_t used;     ///< connections
        std::size_t waiting;  ///< reads without a connection; shared ones count once
    };
    Usage usage() const;

  private:
    async::Task<JsonText> fetch(Statement statement);

    const std::unique_ptr<ConnectionPool> connections_;
};

}  // namespace signalbox::db
