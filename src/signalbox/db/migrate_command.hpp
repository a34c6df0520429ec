#pragma once

#include <iosfwd>
#include <stop_token>
#include <vector>

#include "signalbox/config/config.hpp"
#include "signalbox/db/migrations.hpp"

namespace signalbox::observe {
class Log;
}

namespace signalbox::db {

/// The commands `migrate` and `migrate --status` of a program. What happens is in the log, and so
/// is the list of migrations, but for people (LogFormat::text) it is a table on `output`. The exit
/// status: 0, or 1 with the reason as the log's last line; also when `stop` is requested, which
/// ends what PostgreSQL does for us.
int run_migrate(const config::Config& config, observe::Log& log, const std::stop_token& stop);
int run_migrate_status(const config::Config& config, std::ostream& output, observe::Log& log,
                       const std::stop_token& stop);

/// The migrations that there are, for Pool::expect().
struct PreparedSchema {
    std::vector<Migration> migrations;
    bool known_applied;  ///< false where its user may not read which are applied
};

/// What `serve` does about the schema before its first request: with --migrate it applies what is
/// pending, without it throws std::runtime_error when anything is. Where its user may not read what
/// is, it goes on. Throws Unavailable when it is time to stop. A service manager is told to wait
/// for as long as migrations take.
PreparedSchema prepare_schema(const config::Config& config, observe::Log& log,
                              const std::stop_token& stop);

}  // namespace signalbox::db
