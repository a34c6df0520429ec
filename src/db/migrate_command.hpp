#pragma once

#include <iosfwd>

#include "config.hpp"

namespace signalbox::db {

/// `signalbox migrate` and `signalbox migrate --status`. The exit status: 0, or 1 with the reason
/// on `errors`.
int run_migrate(const Config& config, std::ostream& output, std::ostream& errors);
int run_migrate_status(const Config& config, std::ostream& output, std::ostream& errors);

}  // namespace signalbox::db
