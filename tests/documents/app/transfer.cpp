// docs/endpoints.md, "One that uses the database": a transaction.
#include <cstdint>

#include "signalbox/async/task.hpp"
#include "signalbox/db/pool.hpp"
#include "signalbox/http/errors.hpp"

namespace signalbox::app {

async::Task<> transfer(std::int64_t from, std::int64_t to, std::int64_t cents, db::Pool& database);

// [snippet: transaction]
async::Task<> transfer(std::int64_t from, std::int64_t to, std::int64_t cents, db::Pool& database) {
    co_await database.transaction([&](db::Transaction& transaction) -> async::Task<> {
        const auto taken = co_await transaction.execute(
            "UPDATE accounts SET cents = cents - $2 WHERE id = $1 AND cents >= $2", from, cents);
        if (taken == 0) throw http::HttpError(409, "There is not enough on the account");
        transaction.queue("UPDATE accounts SET cents = cents + $2 WHERE id = $1", to, cents);
    });
}
// [/snippet]

}  // namespace signalbox::app
