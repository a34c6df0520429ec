#include "signalbox/db/detail/migration_lock.hpp"

#include <chrono>
#include <thread>

namespace signalbox::db {

MigrationLock::MigrationLock(const MigrationTarget& target, const MigrationReport& report)
    : connection_{target.database_url, target.patience, target.application_name} {
    // Asked again and again instead of waiting in the server: a waiting statement has a snapshot,
    // and the CREATE INDEX CONCURRENTLY of the one who works waits for those to end.
    for (bool first = true; !try_lock(); first = false) {
        if (first) report("Waiting: another process is migrating this database");
        std::this_thread::sleep_for(std::chrono::milliseconds{100});
    }
}

void MigrationLock::check() {
    connection_.execute("SELECT 1");
}

bool MigrationLock::try_lock() {
    // Read committed has no snapshot between statements, which a CREATE INDEX CONCURRENTLY would
    // wait for; the lock has to survive a migration of hours.
    connection_.execute(
        "BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL idle_in_transaction_session_timeout = 0");
    // "signalbo" in ASCII; any number would do that nobody else uses.
    if (connection_.column("SELECT pg_try_advisory_xact_lock(8316291910694888047)").front() ==
        "t") {
        return true;
    }
    connection_.execute("ROLLBACK");
    return false;
}

}  // namespace signalbox::db
