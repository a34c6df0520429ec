#include "signalbox/db/detail/write.hpp"

#include <asio/this_coro.hpp>

#include <exception>
#include <utility>
#include <vector>

#include "signalbox/async/sleep.hpp"
#include "signalbox/db/detail/connection_pool.hpp"
#include "signalbox/db/detail/failure.hpp"
#include "signalbox/db/detail/lease.hpp"
#include "signalbox/db/detail/model_rows.hpp"
#include "signalbox/db/detail/parameters.hpp"
#include "signalbox/db/detail/rows_json.hpp"
#include "signalbox/db/detail/sqlstate.hpp"
#include "signalbox/db/transaction.hpp"
#include "signalbox/observe/database_observer.hpp"

namespace signalbox::db {

namespace {

/// Of a write that others are in the way of, and that may be repeated.
constexpr unsigned most_tries = 3;

async::Task<PgResult> write(ConnectionPool& pool, Statement statement) {
    check_statement(statement);
    auto newer_than = Clock::time_point::min();
    unsigned conflicts = 0;
    // NOLINTNEXTLINE(clang-analyzer-deadcode.DeadStores): it does not follow coroutines
    auto* const observer = pool.options().observer;
    for (int tries = 1;; ++tries) {
        std::shared_ptr<Lease> lease = co_await pool.lend(LeaseFor::statement, newer_than);
        // A connection's transactions are read only where nothing else is said.
        auto commands = begin_commands("BEGIN READ WRITE", lease->session().connection());
        const std::size_t of_statement = commands.size();
        commands.push_back({.sql = statement.sql, .parameters = &statement.parameters});
        commands.push_back({.sql = "COMMIT", .prepare = false});
        std::exception_ptr error;
        try {
            auto results =
                co_await lease->run(std::move(commands), statement.sql, Session::Cancellable::yes);
            co_return std::move(results.at(of_statement));
        } catch (...) {
            error = std::current_exception();
        }
        // A cancelled coroutine could await nothing; and it stays cancelled.
        const bool throws = co_await asio::this_coro::throw_if_cancelled();
        co_await asio::this_coro::throw_if_cancelled(false);
        co_await lease->roll_back();
        co_await asio::this_coro::throw_if_cancelled(throws);
        const auto state = co_await asio::this_coro::cancellation_state;
        if (state.cancelled() != asio::cancellation_type::none) std::rethrow_exception(error);
        if (lease->lost()) {
            if (tries > 1 || !statement.may_be_repeated) throw UnknownOutcome();
            newer_than = Clock::now();
            if (observer != nullptr) observer->retried(observe::Retry::connection);
        } else if (statement.may_be_repeated && detail::is_worth_another_try(error)) {
            if (++conflicts >= most_tries) std::rethrow_exception(error);
            if (observer != nullptr) observer->retried(observe::Retry::conflict);
            lease.reset();  // for others, who may be those in the way
            co_await async::sleep_for(detail::pause_after(conflicts));
        } else if (tries > 1 || !is_stale_statement(sqlstate_of(error))) {
            std::rethrow_exception(error);
        }
    }
}

}  // namespace

async::Task<std::size_t> write_count(ConnectionPool& pool, Statement statement) {
    const PgResult result = co_await write(pool, std::move(statement));
    co_return affected_rows(*result);
}

async::Task<JsonText> write_json(ConnectionPool& pool, Statement statement) {
    const RowForm* const form = statement.form;
    const PgResult rows = co_await write(pool, std::move(statement));
    co_return form == nullptr ? rows_json(rows.get()) : model_rows_json(rows.get(), *form);
}

async::Task<std::shared_ptr<const void>> write_values(ConnectionPool& pool, Statement statement) {
    const RowForm* const form = statement.form;
    const PgResult rows = co_await write(pool, std::move(statement));
    co_return model_rows(rows.get(), *form);
}

}  // namespace signalbox::db
