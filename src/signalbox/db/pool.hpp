#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "signalbox/async/callable.hpp"
#include "signalbox/async/task.hpp"
#include "signalbox/db/queryable.hpp"
#include "signalbox/db/subscription.hpp"
#include "signalbox/db/transaction.hpp"

namespace signalbox::db {

class ConnectionPool;
struct Migration;
struct PoolOptions;

/// Connections to PostgreSQL. Reads run on the connection's own thread, because libpqxx blocks;
/// writes and transactions borrow the connection for the event loop of their request. A coroutine
/// only ever awaits: meanwhile it holds no thread, and no connection but a borrowed one.
///
/// The fetch_… functions run reads: PostgreSQL refuses one that writes. With sharing, identical
/// reads that wait together run once for all of them. A read that lost its connection runs again.
/// One that met a conflict (40001, 40P01, also from a standby) runs up to three times in all, as
/// long as there is time. execute… and transactions run statements that write.
///
/// Every wait ends: a statement that has no answer after `query_timeout` fails with Unavailable,
/// and so does one that finds the queue full. A lost connection is replaced, with backoff;
/// statements wait for it meanwhile, up to their deadline. A statement that nobody waits for any
/// more is cancelled in PostgreSQL. When PostgreSQL has said nothing for a second, an idle
/// connection asks whether it still answers.
///
/// Threads: any. Lifetime: disconnect() before the event loops of those who await end.
class Pool final : public Queryable {
  public:
    explicit Pool(PoolOptions options);  ///< pool_options.hpp
    ~Pool() override;                    ///< disconnects
    Pool(const Pool&) = delete;
    Pool& operator=(const Pool&) = delete;

    /// Start-up: returns once a first connection stands; the others follow by themselves. Throws
    /// Unavailable, naming host and database, after the start-up timeout or when asked to stop.
    void connect(std::stop_token stop = {});

    /// From now on it watches whether the database still has these migrations, and tells
    /// PoolOptions::on_event: at each new connection, when a statement names something that is
    /// not there, and every few seconds. It applies none. A statement that lacks them throws
    /// MissingMigration. `known_applied`: somebody has just seen them all in it, so that much is
    /// known before the first look.
    void expect(std::vector<Migration> migrations, bool known_applied = false);

    /// Gives it so many connections more than size_at_first, up to `size`. Any number of times.
    void allow(std::size_t connections);

    /// Gives up its connections to another process: closes each that no read waits for, and then
    /// calls `released`, on its thread and with the pool's lock held: it must not block or call the
    /// pool. One connection stays until disconnect(), for the requests in flight.
    void give_up(std::function<void()> released);

    /// Before shutdown, when no more requests come: keeps the connections that are used, and the
    /// last one. Closes each of the others as soon as nothing has needed it for a moment. When
    /// something waits for a connection, one is made again, up to `size`.
    void close_idle();

    /// Shutdown: finishes the reads that run, fails those that wait, closes every connection.
    void disconnect();

    /// The same pool for reads that are run for the caller alone. Reads may not write, but some
    /// have an effect or another result each time: gen_random_uuid(), pg_notify(), advisory locks.
    /// With sharing, two requests would get the same one.
    Queryable& unshared() noexcept;

    /// The same pool for statements that write and may be done twice, as an upsert: one whose
    /// connection broke is sent once more, instead of UnknownOutcome, and one that met a conflict
    /// is tried up to three times.
    Queryable& repeatable() noexcept;

    /// Runs `work`, which takes a Transaction& and returns a Task<T>, in a transaction: commits
    /// when it returns, and rolls back when it throws or is cancelled. Returns what it returns.
    ///
    ///     co_await database.transaction([&](db::Transaction& transaction) -> Task<> {
    ///         co_await transaction.execute("UPDATE …", …);
    ///         co_await transaction.execute("UPDATE …", …);
    ///     });
    ///
    /// The connection is taken at the first statement and kept until the end, so at most four
    /// fifths of the pool are in transactions at once (all but one of few); others wait as reads
    /// do. Nothing is committed after the request was cancelled, but a COMMIT that was sent is not
    /// taken back: it is waited for. When its connection breaks then, UnknownOutcome is thrown.
    ///
    /// One that runs no statement for `transaction_idle_timeout` is rolled back, and the log says
    /// so: it holds PostgreSQL's locks, and a connection. Its next statement throws Error, 25P03.
    template <class Work>
    auto transaction(TransactionOptions options, Work&& work) {
        async::assert_callable_can_be_awaited_with<Work>();
        return detail::run_transaction<std::decay_t<Work>>(*connections_, options,
                                                           std::forward<Work>(work));
    }
    template <class Work>
    auto transaction(Work&& work) {
        return transaction(TransactionOptions(), std::forward<Work>(work));
    }

    /// Hears a channel: what is sent by `NOTIFY channel, 'payload'` from about now on, and from
    /// which database connection it may. The first call opens a connection of its own for all
    /// channels, beside the pool's size; it is made again when it breaks, and each subscription is
    /// told. PostgreSQL keeps nothing for those who are not listening.
    Subscription listen(std::string channel);

    /// Transaction::execute_many() and copy(), each in a transaction of its own.
    template <class Range>
    async::Task<std::size_t> execute_many(std::string sql, const Range& rows) {
        const auto work = [&](Transaction& transaction) {
            return transaction.execute_many(sql, rows);
        };
        co_return co_await transaction(work);
    }
    template <class Range>
    async::Task<std::size_t> copy(std::string table, std::vector<std::string> columns,
                                  const Range& rows) {
        const auto work = [&](Transaction& transaction) {
            return transaction.copy(table, columns, rows);
        };
        co_return co_await transaction(work);
    }

    /// Whether there is a connection, and PostgreSQL answers on it as far as is known.
    bool reachable() const;

    /// What is known about the expected migrations.
    struct Migrations {
        bool known = false;                  ///< false when none are expected, or none may be read
        std::vector<std::string> pending{};  ///< file names, in order
        std::size_t applied = 0;
        std::size_t unknown = 0;  ///< further ones in the database: a newer version's
    };
    Migrations migrations() const;

    struct Usage {
        std::size_t idle;             ///< connections
        std::size_t used;             ///< connections
        std::size_t transactions;     ///< those of them that are in one
        std::size_t streams;          ///< those of them that a stream has
        std::size_t waiting;          ///< without a connection; shared reads count once
        std::size_t streams_waiting;  ///< those of them that are streams
    };
    Usage usage() const;

  private:
    async::Task<JsonText> fetch(Statement statement) override;
    async::Task<std::size_t> run(Statement statement) override;
    async::Task<std::shared_ptr<const void>> fetch_values(Statement statement) override;
    std::unique_ptr<detail::RowSource> open_stream(Statement statement) override;

    class Variant;
    const std::unique_ptr<ConnectionPool> connections_;
    const std::unique_ptr<Variant> unshared_;
    const std::unique_ptr<Variant> repeatable_;
};

}  // namespace signalbox::db
