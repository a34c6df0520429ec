// One of the three services that bench/transactions.d compares: a transaction of an INSERT that
// returns a row and two UPDATEs, for each GET /transfer.
#include <cstdint>

#include "signalbox/application.hpp"
#include "signalbox/async/task.hpp"
#include "signalbox/db/pool.hpp"
#include "signalbox/random.hpp"

namespace {

using signalbox::async::Task;
namespace db = signalbox::db;

struct Transfer {
    std::int64_t id;
};

constexpr std::int64_t accounts = 10'000;

Task<Transfer> transfer(db::Pool& database) {
    const auto from = static_cast<std::int64_t>(signalbox::random_number() % (accounts / 2));
    const auto to = from + accounts / 2;
    co_return co_await database.transaction([&](db::Transaction& transaction) -> Task<Transfer> {
        auto made = co_await transaction.execute_one<Transfer>(
            "INSERT INTO transfers (source, target, cents) VALUES ($1, $2, $3) RETURNING id", from,
            to, 1);
        co_await transaction.execute("UPDATE accounts SET cents = cents - $2 WHERE id = $1", from,
                                     1);
        co_await transaction.execute("UPDATE accounts SET cents = cents + $2 WHERE id = $1", to, 1);
        co_return made;
    });
}

}  // namespace

int main(int argc, char** argv) {
    signalbox::Application app({.name = "transactions"});
    app.get<transfer>("/transfer");
    return app.run(argc, argv);
}
