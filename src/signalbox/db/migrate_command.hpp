#pragma once

#include <iosfwd>

#include "signalbox/config/config.hpp"
#include "signalbox/db/migrations.hpp"

namespace signalbox::db {

/// The commands `migrate` and `migrate --status` of a program. The exit status: 0, or 1 with the
/// reason on `errors`.
int run_migrate(const config::Config& config, std::ostream& output, std::ostream& errors);
int run_migrate_status(const config::Config& config, std::ostream& output, std::ostream& errors);

/// What `serve` does about the schema before its first request: with --migrate it applies what is
/// pending, without it throws std::runtime_error when anything is.
void prepare_schema(const config::Config& config, const MigrationReport& report);

}  // namespace signalbox::db
