#pragma once

#include <optional>
#include <set>
#include <string>

#include "signalbox/db/detail/connection.hpp"

namespace signalbox::db {

/// Which migrations a database says that it has.
struct SchemaLook {
    /// Their versions; none when there is no table of them. Nothing when it could not be told.
    std::optional<std::set<std::string>> applied{};
    std::string error{};   ///< why not
    bool refused = false;  ///< the user may not read the table, and will not by waiting
};

/// Asks in two round trips, also through a pooler, and prepares nothing. A lock on the table is
/// waited for half a second. When the connection is lost on the way, it says so itself.
///
/// On the connection's thread, while no read runs; blocks.
SchemaLook look_at_schema(Connection& connection);

}  // namespace signalbox::db
