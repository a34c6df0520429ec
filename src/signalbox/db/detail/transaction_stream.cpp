#include "signalbox/db/detail/transaction_stream.hpp"

#include <string>
#include <utility>
#include <vector>

#include "signalbox/db/detail/parameters.hpp"
#include "signalbox/db/detail/sql_text.hpp"
#include "signalbox/db/detail/stream_batch.hpp"
#include "signalbox/db/detail/stream_cursor.hpp"
#include "signalbox/db/detail/transaction_core.hpp"

namespace signalbox::db::detail {

namespace {

class TransactionStream final : public RowSource {
  public:
    TransactionStream(TransactionCore& core, Statement statement, unsigned number)
        : core_(core),
          statement_(std::move(statement)),
          cursor_("signalbox_stream_" + std::to_string(number)) {}

    async::Task<StreamBatch> next() override {
        const std::size_t asked = size_.next();
        const std::string fetch = "FETCH " + std::to_string(asked) + " FROM " + cursor_;
        std::string declare;
        std::vector<Command> commands;
        bool whole = false;
        if (!std::exchange(declared_, true)) {
            check_statement(statement_);
            const auto query = plain_query(statement_.sql);
            whole = !query;
            declare = whole
                          ? statement_.sql
                          : "DECLARE " + cursor_ + " NO SCROLL CURSOR FOR\n" + std::string(*query);
            commands.push_back(
                {.sql = declare, .parameters = &statement_.parameters, .prepare = whole});
        }
        if (!whole) commands.push_back({.sql = fetch, .prepare = false});
        const std::vector<PgResult> results = co_await core_.run(std::move(commands));
        const PGresult* const rows = results.back().get();
        const auto count = static_cast<std::size_t>(PQntuples(rows));
        StreamBatch batch = stream_batch(rows, statement_.form, count);
        batch.last = whole || count < asked;
        if (batch.values != nullptr) batch.bytes = PQresultMemorySize(rows);
        size_.came(count, batch.bytes);
        co_return batch;
    }

  private:
    TransactionCore& core_;
    const Statement statement_;
    const std::string cursor_;
    BatchSize size_;
    bool declared_ = false;
};

}  // namespace

std::unique_ptr<RowSource> transaction_stream(TransactionCore& core, Statement statement,
                                              unsigned number) {
    return std::make_unique<TransactionStream>(core, std::move(statement), number);
}

}  // namespace signalbox::db::detail
