#include "signalbox/db/detail/transaction_core.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <string_view>
#include <utility>

#include "signalbox/config/units.hpp"
#include "signalbox/db/detail/connection_pool.hpp"
#include "signalbox/db/detail/failure.hpp"
#include "signalbox/db/detail/sqlstate.hpp"

namespace signalbox::db::detail {

namespace {

Command control(std::string_view sql) {
    return {.sql = sql, .prepare = false};
}

std::vector<Command> commands_of(const std::vector<Statement>& statements) {
    std::vector<Command> commands;
    commands.reserve(statements.size());
    for (const Statement& statement : statements)
        commands.push_back({.sql = statement.sql, .parameters = &statement.parameters});
    return commands;
}

/// The name of a table that may be in a schema.
std::string quote_path(const Connection& connection, std::string_view path) {
    std::string quoted;
    for (;;) {
        const auto dot = path.find('.');
        quoted += connection.quote_name(path.substr(0, dot));
        if (dot == std::string_view::npos) return quoted;
        quoted += '.';
        path.remove_prefix(dot + 1);
    }
}

/// PostgreSQL's word for what it did: a COMMIT of a transaction that had failed rolls it back.
bool says_rollback(const PGresult& result) {
    return std::string_view(PQcmdStatus(const_cast<PGresult*>(&result))) == "ROLLBACK";
}

}  // namespace

/// It is not idle for as long as this lives.
class TransactionCore::Active {
  public:
    explicit Active(TransactionCore& core) : core_(core) { core_.idle_->clear(); }
    ~Active() { core_.idle_->set(Clock::now() + core_.pool_.options().transaction_idle_timeout); }
    Active(const Active&) = delete;
    Active& operator=(const Active&) = delete;

  private:
    TransactionCore& core_;
};

TransactionCore::TransactionCore(ConnectionPool& pool, const TransactionOptions& options)
    : pool_(pool), begin_(options.begin()) {}

TransactionCore::~TransactionCore() {
    if (lease_) release(observe::TransactionOutcome::rolled_back);
}

async::Task<std::vector<PgResult>> TransactionCore::run(std::vector<Command> commands) {
    if (timed_out_) throw_ended();
    if (!queued_.empty()) return run_behind_queue(std::move(commands));
    if (!lease_) return begin_with(std::move(commands));
    return round_trip(std::move(commands), Session::Cancellable::yes);
}

async::Task<std::vector<PgResult>> TransactionCore::run_behind_queue(
    std::vector<Command> commands) {
    const std::vector<Statement> queued = std::exchange(queued_, {});
    std::vector<Command> all = commands_of(queued);
    all.insert(all.end(), commands.begin(), commands.end());
    std::vector<PgResult> results;
    if (lease_) {
        results = co_await round_trip(std::move(all), Session::Cancellable::yes);
    } else {
        results = co_await begin_with(std::move(all));
    }
    results.erase(results.begin(), std::next(results.begin(), std::ssize(queued)));
    co_return results;
}

async::Task<> TransactionCore::take_connection(Clock::time_point newer_than) {
    const async::Executor executor = co_await asio::this_coro::executor;
    request_ = executor.request();
    lease_ = co_await pool_.lend(LeaseFor::transaction, newer_than);
    taken_ = Clock::now();
    if (request_) request_->begin_transaction(taken_);
    idle_.emplace(asio::query(executor, asio::execution::context), [this] { on_idle(); });
}

async::Task<std::vector<PgResult>> TransactionCore::begin_with(std::vector<Command> commands) {
    auto newer_than = Clock::time_point::min();
    for (int tries = 1;; ++tries) {
        if (!lease_) co_await take_connection(newer_than);
        std::vector<Command> all = begin_commands(begin_, lease_->session().connection());
        const auto of_begin = static_cast<std::ptrdiff_t>(all.size());
        all.insert(all.end(), commands.begin(), commands.end());
        std::exception_ptr error;
        try {
            auto results = co_await round_trip(std::move(all), Session::Cancellable::yes);
            results.erase(results.begin(), results.begin() + of_begin);
            co_return results;
        } catch (...) {
            error = std::current_exception();
        }
        // Nothing has been done yet, and so nothing is lost: a connection that had ended while it
        // was idle, and a prepared statement that is not valid any more, are not for the caller.
        const bool passes = lease_->lost() || is_stale_statement(sqlstate_of(error));
        if (tries > 1 || !passes) std::rethrow_exception(error);
        idle_->clear();  // from here on it waits, and not for its caller
        co_await lease_->roll_back();
        if (lease_->lost()) {
            newer_than = Clock::now();
            drop_connection();
        }
    }
}

async::Task<std::vector<PgResult>> TransactionCore::round_trip(std::vector<Command> commands,
                                                               Session::Cancellable cancellable) {
    const Active active(*this);
    // The last that is the application's own.
    const auto told_of = std::find_if(commands.rbegin(), commands.rend(),
                                      [](const Command& command) { return command.prepare; });
    const std::string_view told = told_of == commands.rend() ? std::string_view() : told_of->sql;
    co_return co_await lease_->run(std::move(commands), told, cancellable);
}

async::Task<std::size_t> TransactionCore::copy(std::string table, std::vector<std::string> columns,
                                               std::function<std::string()> next) {
    if (timed_out_) throw_ended();
    if (!lease_ || !queued_.empty()) {
        std::vector<Command> nothing_else;
        co_await run(std::move(nothing_else));
    }
    const Connection& connection = lease_->session().connection();
    std::string sql = "COPY ";
    sql += quote_path(connection, table);
    for (std::size_t i = 0; i < columns.size(); ++i)
        sql.append(i == 0 ? " (" : ", ").append(connection.quote_name(columns[i]));
    sql += columns.empty() ? " FROM STDIN" : ") FROM STDIN";
    const Active active(*this);
    co_return co_await lease_->copy_in(std::move(sql), std::move(next));
}

async::Task<> TransactionCore::commit() {
    if (timed_out_) throw_ended();
    if (!lease_) {
        if (queued_.empty()) co_return;
        std::vector<Command> nothing_else;
        co_await run(std::move(nothing_else));
    }
    const std::vector<Statement> queued = std::exchange(queued_, {});
    std::vector<PgResult> results;
    std::exception_ptr error;
    // Named, as are those below: g++ 12 frees an aggregate in a co_await twice.
    std::vector<Command> commands = commands_of(queued);
    commands.push_back(control("COMMIT"));
    // A statement may wait for a lock. One that is cancelled takes the COMMIT behind it along.
    const auto cancellable =
        queued.empty() ? Session::Cancellable::no : Session::Cancellable::unless_done;
    try {
        results = co_await round_trip(std::move(commands), cancellable);
    } catch (...) {
        error = std::current_exception();
    }
    if (lease_->lost()) {
        release(observe::TransactionOutcome::unknown);
        throw UnknownOutcome();
    }
    if (error) std::rethrow_exception(error);
    const bool committed = !says_rollback(*results.back());
    release(committed ? observe::TransactionOutcome::committed
                      : observe::TransactionOutcome::rolled_back);
    if (!committed) {
        throw Error("a statement of the transaction had failed, so that it was rolled back",
                    "25P02");
    }
}

async::Task<> TransactionCore::roll_back() {
    queued_.clear();
    if (!lease_) co_return;
    idle_->clear();
    co_await lease_->roll_back();
    if (lease_) release(observe::TransactionOutcome::rolled_back);
}

void TransactionCore::drop_connection() {
    idle_.reset();
    lease_.reset();
    if (request_) request_->end_transaction();
}

void TransactionCore::release(observe::TransactionOutcome outcome) {
    drop_connection();
    if (auto* const observer = pool_.options().observer; observer != nullptr)
        observer->transaction_ended(outcome, Clock::now() - taken_);
}

void TransactionCore::on_idle() {
    timed_out_ = true;
    const auto& options = pool_.options();
    options.on_event(
        Event::transaction_idle,
        fmt::format("{} was in a transaction for {} without a statement: it was rolled "
                    "back",
                    request_ ? fmt::format("{} {}", request_->method, request_->route)
                             : std::string("a task"),
                    config::format_duration(options.transaction_idle_timeout)));
    // The coroutine is somewhere else, and may never come back.
    const std::vector<Command> commands{control("ROLLBACK")};
    lease_->session().start(commands, [this](const std::exception_ptr&) {
        release(observe::TransactionOutcome::rolled_back);
    });
}

void TransactionCore::throw_ended() {
    throw Error("the transaction was idle for too long and was rolled back", "25P03");
}

std::string TransactionCore::savepoint() const {
    return fmt::format("signalbox_{}", savepoints_);
}

async::Task<> TransactionCore::open_savepoint() {
    ++savepoints_;
    const std::string sql = "SAVEPOINT " + savepoint();
    std::vector<Command> commands{control(sql)};
    co_await run(std::move(commands));
}

async::Task<> TransactionCore::close_savepoint() {
    const std::string sql = "RELEASE SAVEPOINT " + savepoint();
    std::vector<Command> commands{control(sql)};
    co_await run(std::move(commands));
    --savepoints_;
}

async::Task<> TransactionCore::return_to_savepoint() {
    const std::string back = "ROLLBACK TO SAVEPOINT " + savepoint();
    const std::string release = "RELEASE SAVEPOINT " + savepoint();
    --savepoints_;
    queued_.clear();  // what is still there was to be undone with the rest
    std::vector<Command> commands{control(back), control(release)};
    co_await run(std::move(commands));
}

}  // namespace signalbox::db::detail
