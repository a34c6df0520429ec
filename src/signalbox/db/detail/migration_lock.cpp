#include "signalbox/db/detail/migration_lock.hpp"

#include <chrono>

#include "signalbox/db/detail/stop_event.hpp"

namespace signalbox::db {

MigrationLock::MigrationLock(const MigrationTarget& target) : connection_{target} {
    const StopEvent stop{target.stop};
    // Asked again and again instead of waiting in the server: a waiting statement has a snapshot,
    // and the CREATE INDEX CONCURRENTLY of the one who works waits for those to end.
    for (bool first = true; !try_lock(); first = false) {
        if (first) {
            target.report(config::LogLevel::info,
                          "Waiting: another process is migrating this database");
        }
        stop.sleep(std::chrono::milliseconds{100});
    }
}

void MigrationLock::check() {
    connection_.execute("SELECT 1");
}

bool MigrationLock::try_lock() {
    // Read committed has no snapshot between statements, which a CREATE INDEX CONCURRENTLY would
    // wait for.
    connection_.begin("ISOLATION LEVEL READ COMMITTED");
    // "signalbo" in ASCII; any number would do that nobody else uses.
    if (connection_.column("SELECT pg_try_advisory_xact_lock(8316291910694888047)").front() ==
        "t") {
        return true;
    }
    connection_.execute("ROLLBACK");
    return false;
}

}  // namespace signalbox::db
