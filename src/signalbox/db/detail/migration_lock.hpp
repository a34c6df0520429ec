#pragma once

#include "signalbox/db/detail/migration_connection.hpp"
#include "signalbox/db/migrations.hpp"

namespace signalbox::db {

/// The right to migrate this database, held by an open transaction on a connection of its own. That
/// outlives the transaction of each file, is given up when this process dies, and works through a
/// PgBouncer that pools transactions, where a lock of the session would stay behind.
class MigrationLock {
  public:
    /// Waits as long as another process has it, and reports that it does. Throws Unavailable
    /// when the connection fails or it is time to stop.
    explicit MigrationLock(const MigrationTarget& target);

    /// Throws Unavailable when the connection, and with it the lock, is gone, or it is time to
    /// stop.
    void check();

  private:
    bool try_lock();

    MigrationConnection connection_;
};

}  // namespace signalbox::db
