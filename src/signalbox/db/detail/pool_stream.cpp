#include "signalbox/db/detail/pool_stream.hpp"

#include <asio/error.hpp>
#include <asio/system_error.hpp>

#include <cstddef>
#include <functional>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "signalbox/db/detail/connection_pool.hpp"
#include "signalbox/db/detail/parameters.hpp"
#include "signalbox/db/detail/sql_text.hpp"
#include "signalbox/db/detail/stream_execution.hpp"
#include "signalbox/db/detail/stream_queue.hpp"
#include "signalbox/db/error.hpp"
#include "signalbox/observe/database_observer.hpp"

namespace signalbox::db {

namespace {

class PoolStream final : public detail::RowSource {
  public:
    PoolStream(ConnectionPool& pool, Statement statement)
        : pool_(pool), statement_(std::move(statement)) {}
    ~PoolStream() override {
        if (!reader_) return;
        reader_->on_left_behind = nullptr;
        pool_.leave_stream(*reader_);
        if (!outcome_)
            outcome_ =
                reader_->ended ? observe::StreamOutcome::slow_client : observe::StreamOutcome::left;
        if (auto* const observer = pool_.options().observer; observer != nullptr)
            observer->stream_ended(*outcome_);
    }

    async::Task<detail::StreamBatch> next() override {
        if (!reader_) {
            check_statement(statement_);
            const auto query = plain_query(statement_.sql);
            detail::StreamBatch first;
            if (!query || !pool_.is_large(statement_.sql)) {
                auto beginning = pool_.fetch_batch(beginning_of(query));
                first = co_await std::move(beginning);
                if (first.last) co_return first;
            }
            statement_.told = std::exchange(statement_.sql, std::string(*query));
            reader_ = std::make_shared<StreamReader>(pool_.options().stream_grace);
            reader_->on_left_behind = std::move(on_left_behind_);
        }
        detail::StreamBatch batch;
        try {
            auto reading = pool_.next_batch(statement_, reader_);
            batch = co_await std::move(reading);
            if (batch.last) outcome_ = observe::StreamOutcome::completed;
        } catch (const SlowReader&) {
            outcome_ = observe::StreamOutcome::slow_client;
            throw;
        } catch (const asio::system_error&) {
            throw;  // cancelled: it leaves
        } catch (...) {
            outcome_ = observe::StreamOutcome::failed;
            throw;
        }
        co_return batch;
    }

    void on_left_behind(std::function<void()> call) override {
        (reader_ ? reader_->on_left_behind : on_left_behind_) = std::move(call);
    }

  private:
    Statement beginning_of(std::optional<std::string_view> query) const {
        Statement beginning = statement_;
        beginning.first_rows = std::numeric_limits<std::size_t>::max();
        if (!query) return beginning;
        beginning.first_rows = most_rows_of_a_read;
        beginning.told = statement_.sql;
        static const std::string end =
            "\n) rows_of_stream LIMIT " + std::to_string(most_rows_of_a_read + 1);
        constexpr std::string_view begin = "SELECT * FROM (\n";
        std::string sql;
        sql.reserve(begin.size() + query->size() + end.size());
        sql.append(begin).append(*query).append(end);
        beginning.sql = std::move(sql);
        return beginning;
    }

    ConnectionPool& pool_;
    Statement statement_;
    std::function<void()> on_left_behind_;
    std::shared_ptr<StreamReader> reader_;
    std::optional<observe::StreamOutcome> outcome_;
};

}  // namespace

std::unique_ptr<detail::RowSource> pool_stream(ConnectionPool& pool, Statement statement) {
    return std::make_unique<PoolStream>(pool, std::move(statement));
}

}  // namespace signalbox::db
