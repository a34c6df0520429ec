// One of the three services that bench/transactions.d compares: a transaction of an INSERT that
// returns a row and two UPDATEs, for each GET /transfer.
#include <cstdint>

#include "signalbox/application.hpp"
#include "signalbox/async/task.hpp"
#include "signalbox/db/pool.hpp"
#include "signalbox/fast/random.hpp"

namespace {

using signalbox::async::Task;
namespace db = signalbox::db;

struct Transfer {
    std::int64_t id;
};

constexpr std::int64_t accounts = 10'000;

constexpr auto insert =
    "INSERT INTO transfers (source, target, cents) VALUES ($1, $2, $3) RETURNING id";
constexpr auto take = "UPDATE accounts SET cents = cents - $2 WHERE id = $1";
constexpr auto give = "UPDATE accounts SET cents = cents + $2 WHERE id = $1";

struct Accounts {
    std::int64_t from = static_cast<std::int64_t>(signalbox::random_number() % (accounts / 2));
    std::int64_t to = from + accounts / 2;
};

/// As the other two do it: each statement is awaited before the next is sent.
Task<Transfer> transfer(db::Pool& database) {
    const Accounts chosen;
    co_return co_await database.transaction([&](db::Transaction& transaction) -> Task<Transfer> {
        auto made = co_await transaction.execute_one<Transfer>(insert, chosen.from, chosen.to, 1);
        co_await transaction.execute(take, chosen.from, 1);
        co_await transaction.execute(give, chosen.to, 1);
        co_return made;
    });
}

/// The UPDATEs go with the COMMIT.
Task<Transfer> transfer_queued(db::Pool& database) {
    const Accounts chosen;
    co_return co_await database.transaction([&](db::Transaction& transaction) -> Task<Transfer> {
        auto made = co_await transaction.execute_one<Transfer>(insert, chosen.from, chosen.to, 1);
        transaction.queue(take, chosen.from, 1);
        transaction.queue(give, chosen.to, 1);
        co_return made;
    });
}

}  // namespace

int main(int argc, char** argv) {
    signalbox::Application app({.name = "transactions"});
    app.get<transfer>("/transfer");
    app.get<transfer_queued>("/transfer-queued");
    return app.run(argc, argv);
}
