#pragma once

#include <asio/this_coro.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <ranges>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "signalbox/async/callable.hpp"
#include "signalbox/async/sleep.hpp"
#include "signalbox/async/task.hpp"
#include "signalbox/db/queryable.hpp"
#include "signalbox/model/reflect.hpp"

namespace signalbox::db {

class ConnectionPool;
class Transaction;

/// https://www.postgresql.org/docs/current/transaction-iso.html
enum class Isolation : std::uint8_t { read_committed, repeatable_read, serializable };

/// `db::TransactionOptions().isolation(db::Isolation::serializable).retries(3)`
class TransactionOptions {
  public:
    // NOLINTNEXTLINE(modernize-use-equals-default)
    TransactionOptions() noexcept {}  // not an aggregate: g++ 12 frees such twice in a co_await

    TransactionOptions& isolation(Isolation level) noexcept {
        isolation_ = level;
        return *this;
    }
    TransactionOptions& read_only() noexcept {
        read_only_ = true;
        return *this;
    }
    /// For serializable, read_only ones: waits until it can run without failing to serialize.
    TransactionOptions& deferrable() noexcept {
        deferrable_ = true;
        return *this;
    }
    /// How many times `work` is run again when PostgreSQL could not serialize it (40001) or ended
    /// it to break a deadlock (40P01), after a pause that grows. Its effects outside of the
    /// database happen as often.
    TransactionOptions& retries(unsigned times) noexcept {
        retries_ = times;
        return *this;
    }

    [[nodiscard]] unsigned retries() const noexcept { return retries_; }
    /// `BEGIN …`
    [[nodiscard]] std::string begin() const;

  private:
    Isolation isolation_ = Isolation::read_committed;
    bool read_only_ = false;
    bool deferrable_ = false;
    unsigned retries_ = 0;
};

namespace detail {

class TransactionCore;

template <class T>
struct TaskResult;
template <class T>
struct TaskResult<async::Task<T>> {
    using Type = T;
};
template <class Work>
using WorkResult = typename TaskResult<std::invoke_result_t<Work&, Transaction&>>::Type;

/// std::optional for a result, which void has no place in.
template <class T>
using Place = std::optional<std::conditional_t<std::is_void_v<T>, std::monostate, T>>;

template <class Work>
async::Task<> work_into(Place<WorkResult<Work>>& place, Work& work, Transaction& transaction) {
    if constexpr (std::is_void_v<WorkResult<Work>>) {
        co_await std::invoke(work, transaction);
        place.emplace();
    } else {
        place.emplace(co_await std::invoke(work, transaction));
    }
}

/// Whether PostgreSQL says that it would have worked at another time (40001, 40P01).
[[nodiscard]] bool is_worth_another_try(const std::exception_ptr& error);
/// Grows with each try and is partly random, so that two that met do not meet again.
[[nodiscard]] std::chrono::milliseconds pause_after(unsigned tries);

template <class T>
inline constexpr bool is_tuple = false;
template <class... T>
inline constexpr bool is_tuple<std::tuple<T...>> = true;
template <class A, class B>
inline constexpr bool is_tuple<std::pair<A, B>> = true;

/// The values of a row: of a std::tuple or std::pair, or of a struct's members.
template <class Row>
std::vector<std::optional<std::string>> values_of(const Row& row) {
    const auto values = [](const auto&... value) {
        return std::vector<std::optional<std::string>>{to_parameter(value)...};
    };
    if constexpr (is_tuple<Row>) {
        return std::apply(values, row);
    } else {
        static_assert(is_row<Row>, "a row is a std::tuple, or a struct with a column a member");
        return model::detail::visit_members(row, values);
    }
}

}  // namespace detail

/// Statements that are done together or not at all; see Pool::transaction(). They run one after the
/// other: beginning one before the last was awaited is a std::logic_error. After a statement has
/// failed, PostgreSQL runs no further one until its savepoint or the transaction is rolled back.
///
/// Rows are made on the event loop; thousands of them block it for milliseconds. Read large results
/// by the Pool.
///
/// Threads: its event loop's. Lifetime: until the `work` that it was given to has ended.
class Transaction final : public Queryable {
  public:
    Transaction(ConnectionPool& pool, const TransactionOptions& options);  ///< for the Pool
    ~Transaction() override;
    Transaction(const Transaction&) = delete;
    Transaction& operator=(const Transaction&) = delete;

    /// Runs `work` behind a savepoint: when it throws, what it did is undone, and the transaction
    /// can go on.
    template <class Work>
    auto transaction(Work&& work) {
        async::assert_callable_can_be_awaited_with<Work>();
        return nested<std::decay_t<Work>>(*this, std::forward<Work>(work));
    }

    /// Sends a statement that writes together with the next one, or with the COMMIT, so that it has
    /// no round trip of its own (libpq's pipeline mode). Nobody is told how many rows it affected.
    /// When it fails, the statement that it was sent with throws the error. Its duration is part of
    /// that statement's.
    template <class... Parameters>
    void queue(std::string_view sql, const Parameters&... parameters) {
        queue_statement({std::string(sql), {to_parameter(parameters)...}});
    }

    /// Runs the statement once for each row, whose values are its parameters, a thousand to a round
    /// trip, and returns how many rows were affected in all. A row is a std::tuple, or a struct.
    /// `rows` lives until it is done. Each thousand has the query timeout.
    template <class Range>
    async::Task<std::size_t> execute_many(std::string_view sql, const Range& rows) {
        return run_many(std::string(sql), next_row<Range>(rows));
    }

    /// Puts the rows into a table by `COPY … FROM STDIN`, which is the fastest way, and returns how
    /// many they were. `table` may be `schema.table`; its name and those of the columns are put in
    /// quotes. `rows` lives until it is done, all within one query timeout.
    template <class Range>
    // NOLINTNEXTLINE(performance-unnecessary-value-param): it moves where the template is made
    async::Task<std::size_t> copy(std::string_view table, std::vector<std::string> columns,
                                  const Range& rows) {
        return run_copy(std::string(table), std::move(columns), next_row<Range>(rows));
    }

    /// For the Pool: ends it, one way or the other. roll_back() throws nothing.
    async::Task<> commit();
    async::Task<> roll_back();

  private:
    using Parameters = std::vector<std::optional<std::string>>;

    async::Task<JsonText> fetch(Statement statement) override;
    async::Task<std::size_t> run(Statement statement) override;
    async::Task<std::shared_ptr<const void>> fetch_values(Statement statement) override;
    std::unique_ptr<detail::RowSource> open_stream(Statement statement) override;

    void queue_statement(Statement statement);
    async::Task<std::size_t> run_many(std::string sql,
                                      std::function<std::optional<Parameters>()> next);
    async::Task<std::size_t> run_copy(std::string table, std::vector<std::string> columns,
                                      std::function<std::optional<Parameters>()> next);
    async::Task<> open_savepoint();
    async::Task<> close_savepoint();
    async::Task<> return_to_savepoint();

    template <class Range>
    static std::function<std::optional<Parameters>()> next_row(const Range& rows) {
        return [at = std::ranges::begin(rows),
                end = std::ranges::end(rows)]() mutable -> std::optional<Parameters> {
            if (at == end) return std::nullopt;
            auto values = detail::values_of(*at);
            ++at;
            return values;
        };
    }

    template <class Work>
    static async::Task<detail::WorkResult<Work>> nested(Transaction& transaction, Work work) {
        detail::Place<detail::WorkResult<Work>> result;
        std::exception_ptr error;
        co_await transaction.open_savepoint();
        try {
            co_await detail::work_into(result, work, transaction);
            co_await transaction.close_savepoint();
        } catch (...) {
            error = std::current_exception();
        }
        if (error) {
            co_await transaction.return_to_savepoint();
            std::rethrow_exception(error);
        }
        if constexpr (!std::is_void_v<detail::WorkResult<Work>>) co_return std::move(*result);
    }

    const std::unique_ptr<detail::TransactionCore> core_;
    unsigned streams_ = 0;
};

namespace detail {

template <class Work>
async::Task<WorkResult<Work>> run_transaction(ConnectionPool& pool, TransactionOptions options,
                                              Work work) {
    for (unsigned tries = 1;; ++tries) {
        Place<WorkResult<Work>> result;
        std::exception_ptr error;
        {
            Transaction transaction(pool, options);
            try {
                co_await work_into(result, work, transaction);
                co_await transaction.commit();
            } catch (...) {
                error = std::current_exception();
            }
            if (error) {
                // A cancelled coroutine can await nothing, and it stays cancelled.
                const bool throws = co_await asio::this_coro::throw_if_cancelled();
                co_await asio::this_coro::throw_if_cancelled(false);
                co_await transaction.roll_back();
                co_await asio::this_coro::throw_if_cancelled(throws);
            }
        }
        if (!error) {
            if constexpr (std::is_void_v<WorkResult<Work>>) {
                co_return;
            } else {
                co_return std::move(*result);
            }
        }
        if (tries > options.retries() || !is_worth_another_try(error))
            std::rethrow_exception(error);
        co_await async::sleep_for(pause_after(tries));
    }
}

}  // namespace detail

}  // namespace signalbox::db
