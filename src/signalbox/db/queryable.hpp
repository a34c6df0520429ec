#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "signalbox/async/task.hpp"
#include "signalbox/db/error.hpp"
#include "signalbox/db/row_form.hpp"
#include "signalbox/db/row_stream.hpp"
#include "signalbox/db/rows.hpp"
#include "signalbox/db/statement.hpp"
#include "signalbox/json.hpp"

namespace signalbox::db {

namespace detail {
[[noreturn]] void throw_wrong_count(const model::Type& row, std::size_t rows);
}  // namespace detail

/// Runs statements: a Pool does it on whatever connection is free, or a Transaction on its own. A
/// function that takes a Queryable& works with both.
///
/// Parameters are `$1`, `$2`, … in the SQL: `co_await database.fetch_all("… WHERE id = $1", id)`;
/// to_parameter() (statement.hpp) says what can be one. They are copied at the call.
///
/// Each resumes on the caller's event loop. Each throws what error.hpp lists, and
/// std::invalid_argument for a NUL byte in a parameter or statement.
class Queryable {
  public:
    virtual ~Queryable() = default;

    /// Runs a query and returns all its rows as a JSON array (db/detail/rows_json.hpp says
    /// what becomes of each type).
    template <class... Parameters>
    async::Task<JsonText> fetch_all(std::string_view sql, const Parameters&... parameters) {
        return fetch(Statement{std::string(sql), {to_parameter(parameters)...}});
    }

    /// The same as the JSON of a list of T, for an endpoint that returns it: what PostgreSQL sent
    /// is passed on, but only the columns that T has, in T's order and by T's names. The column has
    /// to be there for each member, of a type that fits (db/detail/model_rows.hpp says which do),
    /// and not NULL unless the member is a std::optional. Otherwise it throws ResultMismatch,
    /// which names the column, and the client gets 500.
    template <class T, class... Parameters>
    async::Task<Rows<T>> fetch_rows(std::string_view sql, const Parameters&... parameters) {
        return rows_of<T>(fetch(make_statement<T, RowForm::Shape::json_rows>(sql, parameters...)));
    }

    /// The same for a statement that has one row or none. Throws ResultMismatch for several.
    template <class T, class... Parameters>
    async::Task<std::optional<Row<T>>> fetch_row(std::string_view sql,
                                                 const Parameters&... parameters) {
        return row_of<T>(fetch(make_statement<T, RowForm::Shape::json_row>(sql, parameters...)));
    }

    /// The rows as objects, for a handler that looks at them: `co_await
    /// database.fetch_all<Item>("SELECT id, name FROM items")`. The columns have to be as for
    /// fetch_rows.
    template <class T, class... Parameters>
    async::Task<std::vector<T>> fetch_all(std::string_view sql, const Parameters&... parameters) {
        static_assert(detail::is_row<T>,
                      "rows are described by a struct, a column for each member");
        return all_of<T>(
            fetch_values(make_statement<T, RowForm::Shape::values>(sql, parameters...)));
    }

    /// The only row. Throws ResultMismatch when there is none or another one.
    template <class T, class... Parameters>
    async::Task<T> fetch_one(std::string_view sql, const Parameters&... parameters) {
        static_assert(detail::is_row<T>,
                      "a row is described by a struct, a column for each member");
        return one_of<T>(
            fetch_values(make_statement<T, RowForm::Shape::values>(sql, parameters...)));
    }

    /// The only row, or nothing when there is none. Throws ResultMismatch when there is another.
    template <class T, class... Parameters>
    async::Task<std::optional<T>> fetch_optional(std::string_view sql,
                                                 const Parameters&... parameters) {
        static_assert(detail::is_row<T>,
                      "a row is described by a struct, a column for each member");
        return optional_of<T>(
            fetch_values(make_statement<T, RowForm::Shape::values>(sql, parameters...)));
    }

    /// The first column of the only row: `co_await database.fetch_value<std::int64_t>("SELECT
    /// count(*) FROM items")`. Throws ResultMismatch when there is another row, or none; a
    /// std::optional is empty then, as it is for NULL.
    template <class T, class... Parameters>
    async::Task<T> fetch_value(std::string_view sql, const Parameters&... parameters) {
        static_assert(!detail::is_row<T>, "a struct is a row: fetch_one");
        return one_of<T>(
            fetch_values(make_statement<T, RowForm::Shape::values>(sql, parameters...)));
    }

    /// The rows of a query batch by batch, in bounded memory whatever their number: as JSON, as the
    /// JSON of a list of T (see fetch_rows), and as objects (see fetch_all<T>).
    ///
    ///     auto rows = database.stream("SELECT * FROM items");
    ///     while (const auto batch = co_await rows.next()) …
    ///
    /// Nothing is asked before the first next(), which asks for 1,001 rows as any read does: up to
    /// 1,000 rows are one batch. If there are more, the statement is run again by a cursor in a
    /// read-only transaction, on a connection that the stream keeps, and `query_timeout` counts for
    /// each FETCH. At most PoolOptions::max_streams are read at once; others wait as reads do.
    /// Those who ask for the same and wait share one execution: it keeps up to 4 MiB of what the
    /// slowest has not taken yet. One who takes less than 64 KiB a second while others wait for it
    /// is left behind: its next() throws SlowReader.
    ///
    /// A statement that is no plain SELECT, VALUES, TABLE or WITH, such as EXPLAIN, is one batch
    /// whatever its size. In a Transaction the stream is a cursor of that transaction, and shared
    /// with nobody.
    template <class... Parameters>
    RowStream<JsonText> stream(std::string_view sql, const Parameters&... parameters) {
        return RowStream<JsonText>(
            open_stream(Statement{std::string(sql), {to_parameter(parameters)...}}));
    }
    template <class T, class... Parameters>
    RowStream<Rows<T>> stream_rows(std::string_view sql, const Parameters&... parameters) {
        return RowStream<Rows<T>>(
            open_stream(make_statement<T, RowForm::Shape::json_rows>(sql, parameters...)));
    }
    template <class T, class... Parameters>
    RowStream<T> stream(std::string_view sql, const Parameters&... parameters) {
        return RowStream<T>(
            open_stream(make_statement<T, RowForm::Shape::values>(sql, parameters...)));
    }

    /// Runs a statement that writes, once and for the caller alone, and returns how many rows it
    /// affected. On a Pool it is a transaction of its own, so statements such as CREATE INDEX
    /// CONCURRENTLY are for migrations. When the connection breaks after it was sent, nobody knows
    /// whether it was done: UnknownOutcome, which answers 503 and says so. When the caller no
    /// longer waits, as after a deadline, it is cancelled, which may be too late.
    template <class... Parameters>
    async::Task<std::size_t> execute(std::string_view sql, const Parameters&... parameters) {
        return run(writing({std::string(sql), {to_parameter(parameters)...}}));
    }

    /// The same for a statement that returns the row that it wrote, or none: `INSERT … RETURNING
    /// *`. For an endpoint that returns it (see fetch_row), and as an object (see fetch_one).
    template <class T, class... Parameters>
    async::Task<std::optional<Row<T>>> execute_row(std::string_view sql,
                                                   const Parameters&... parameters) {
        return row_of<T>(
            fetch(writing(make_statement<T, RowForm::Shape::json_row>(sql, parameters...))));
    }
    template <class T, class... Parameters>
    async::Task<T> execute_one(std::string_view sql, const Parameters&... parameters) {
        return one_of<T>(
            fetch_values(writing(make_statement<T, RowForm::Shape::values>(sql, parameters...))));
    }

  protected:
    Queryable() = default;
    Queryable(const Queryable&) = default;
    Queryable& operator=(const Queryable&) = default;

  private:
    /// The rows as JSON, as the statement's form has it.
    virtual async::Task<JsonText> fetch(Statement statement) = 0;
    /// How many rows were affected.
    virtual async::Task<std::size_t> run(Statement statement) = 0;
    virtual async::Task<std::shared_ptr<const void>> fetch_values(
        Statement statement) = 0;  ///< RowValues
    virtual std::unique_ptr<detail::RowSource> open_stream(Statement statement) = 0;

    static Statement writing(Statement statement) {
        statement.writes = true;
        return statement;
    }
    template <class T, RowForm::Shape shape, class... Parameters>
    static Statement make_statement(std::string_view sql, const Parameters&... parameters) {
        return {std::string(sql), {to_parameter(parameters)...}, &row_form<T, shape>};
    }
    template <class T>
    static async::Task<Rows<T>> rows_of(async::Task<JsonText> fetching) {
        JsonText json = co_await std::move(fetching);
        co_return Rows<T>(std::move(json));
    }
    template <class T>
    static async::Task<std::optional<Row<T>>> row_of(async::Task<JsonText> fetching) {
        JsonText json = co_await std::move(fetching);
        if (json.text().empty()) co_return std::nullopt;
        co_return Row<T>(std::move(json));
    }
    // The objects are copied: others may wait for the same.
    template <class T>
    static async::Task<std::vector<T>> all_of(async::Task<std::shared_ptr<const void>> fetching) {
        const std::shared_ptr<const void> fetched = co_await std::move(fetching);
        const auto& values = *static_cast<const RowValues<T>*>(fetched.get());
        co_return std::vector<T>(values.begin(), values.end());
    }
    template <class T>
    static async::Task<std::optional<T>> optional_of(
        async::Task<std::shared_ptr<const void>> fetching) {
        const std::shared_ptr<const void> fetched = co_await std::move(fetching);
        const auto& values = *static_cast<const RowValues<T>*>(fetched.get());
        if (values.size() > 1) detail::throw_wrong_count(model::type_of<T>, values.size());
        if (values.empty()) co_return std::nullopt;
        co_return values.front();
    }
    template <class T>
    static async::Task<T> one_of(async::Task<std::shared_ptr<const void>> fetching) {
        const std::shared_ptr<const void> fetched = co_await std::move(fetching);
        const auto& values = *static_cast<const RowValues<T>*>(fetched.get());
        if constexpr (model::type_of<T>.kind == model::Type::Kind::nullable) {
            if (values.empty()) co_return T{};
        }
        if (values.size() != 1) detail::throw_wrong_count(model::type_of<T>, values.size());
        co_return values.front();
    }
};

}  // namespace signalbox::db
