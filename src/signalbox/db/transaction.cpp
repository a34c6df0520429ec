#include "signalbox/db/transaction.hpp"

#include <algorithm>
#include <string_view>
#include <utility>

#include "signalbox/db/detail/failure.hpp"
#include "signalbox/db/detail/model_rows.hpp"
#include "signalbox/db/detail/parameters.hpp"
#include "signalbox/db/detail/rows_json.hpp"
#include "signalbox/db/detail/transaction_core.hpp"
#include "signalbox/db/detail/transaction_stream.hpp"
#include "signalbox/fast/random.hpp"

namespace signalbox::db {

namespace {

constexpr std::size_t rows_a_round_trip = 1000;
constexpr std::size_t bytes_a_piece = std::size_t{64} * 1024;

std::vector<Command> command(const Statement& statement) {
    check_statement(statement);
    return {Command{.sql = statement.sql, .parameters = &statement.parameters}};
}

/// A value in a line of COPY's text format: https://www.postgresql.org/docs/current/sql-copy.html
void append_copy_value(std::string& line, const std::optional<std::string>& value) {
    if (!value) {
        line += "\\N";
        return;
    }
    for (const char c : *value) {
        switch (c) {
            case '\\':
                line += "\\\\";
                break;
            case '\n':
                line += "\\n";
                break;
            case '\r':
                line += "\\r";
                break;
            case '\t':
                line += "\\t";
                break;
            default:
                line += c;
        }
    }
}

}  // namespace

std::string TransactionOptions::begin() const {
    std::string sql = "BEGIN ISOLATION LEVEL ";
    switch (isolation_) {
        case Isolation::read_committed:
            sql += "READ COMMITTED";
            break;
        case Isolation::repeatable_read:
            sql += "REPEATABLE READ";
            break;
        case Isolation::serializable:
            sql += "SERIALIZABLE";
            break;
    }
    sql += read_only_ ? " READ ONLY" : " READ WRITE";
    if (deferrable_) sql += " DEFERRABLE";
    return sql;
}

bool detail::is_worth_another_try(const std::exception_ptr& error) {
    const std::string sqlstate = sqlstate_of(error);
    return sqlstate == "40001" || sqlstate == "40P01";
}

std::chrono::milliseconds detail::pause_after(unsigned tries) {
    constexpr std::uint64_t first = 4;
    constexpr unsigned most_doublings = 7;
    const std::uint64_t longest = first << std::min(tries - 1, most_doublings);
    return std::chrono::milliseconds(longest / 2 + random_number() % (longest / 2 + 1));
}

Transaction::Transaction(ConnectionPool& pool, const TransactionOptions& options)
    : core_(std::make_unique<detail::TransactionCore>(pool, options)) {}

Transaction::~Transaction() = default;

async::Task<> Transaction::commit() {
    return core_->commit();
}

async::Task<> Transaction::roll_back() {
    return core_->roll_back();
}

async::Task<JsonText> Transaction::fetch(Statement statement) {
    const auto results = co_await core_->run(command(statement));
    const PGresult* const rows = results.back().get();
    co_return statement.form == nullptr ? rows_json(rows) : model_rows_json(rows, *statement.form);
}

async::Task<std::size_t> Transaction::run(Statement statement) {
    const auto results = co_await core_->run(command(statement));
    co_return affected_rows(*results.back());
}

async::Task<std::shared_ptr<const void>> Transaction::fetch_values(Statement statement) {
    const auto results = co_await core_->run(command(statement));
    co_return model_rows(results.back().get(), *statement.form);
}

std::unique_ptr<detail::RowSource> Transaction::open_stream(Statement statement) {
    return detail::transaction_stream(*core_, std::move(statement), ++streams_);
}

void Transaction::queue_statement(Statement statement) {
    check_parameters(statement.parameters);
    core_->queue(std::move(statement));
}

async::Task<std::size_t> Transaction::run_many(std::string sql,
                                               std::function<std::optional<Parameters>()> next) {
    refuse_nul(sql, "a statement");
    std::size_t affected = 0;
    for (bool more = true; more;) {
        std::vector<Parameters> rows;
        while (rows.size() < rows_a_round_trip) {
            auto row = next();
            more = row.has_value();
            if (!more) break;
            check_parameters(*row);
            rows.push_back(std::move(*row));
        }
        if (rows.empty()) break;
        std::vector<Command> commands;
        commands.reserve(rows.size());
        for (const Parameters& row : rows)
            commands.push_back({.sql = sql, .parameters = &row});
        const auto results = co_await core_->run(std::move(commands));
        for (const PgResult& result : results)
            affected += affected_rows(*result);
    }
    co_return affected;
}

async::Task<std::size_t> Transaction::run_copy(std::string table, std::vector<std::string> columns,
                                               std::function<std::optional<Parameters>()> next) {
    refuse_nul(table, "a table's name");
    for (const auto& column : columns)
        refuse_nul(column, "a column's name");
    auto next_piece = [next = std::move(next), width = columns.size()] {
        std::string piece;
        while (piece.size() < bytes_a_piece) {
            const auto row = next();
            if (!row) break;
            check_parameters(*row);
            if (width != 0 && row->size() != width) {
                throw std::invalid_argument("a row to be copied has " +
                                            std::to_string(row->size()) + " values for " +
                                            std::to_string(width) + " columns");
            }
            for (std::size_t i = 0; i < row->size(); ++i) {
                if (i > 0) piece += '\t';
                append_copy_value(piece, (*row)[i]);
            }
            piece += '\n';
        }
        return piece;
    };
    return core_->copy(std::move(table), std::move(columns), std::move(next_piece));
}

async::Task<> Transaction::open_savepoint() {
    return core_->open_savepoint();
}

async::Task<> Transaction::close_savepoint() {
    return core_->close_savepoint();
}

async::Task<> Transaction::return_to_savepoint() {
    return core_->return_to_savepoint();
}

}  // namespace signalbox::db
