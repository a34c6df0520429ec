#pragma once

#include <string>

#include "signalbox/db/detail/connection.hpp"
#include "signalbox/db/detail/outcome.hpp"
#include "signalbox/db/detail/read_queue.hpp"

namespace signalbox::observe {
class DatabaseObserver;
}

namespace signalbox::db {

/// Runs the read and makes of its rows what was asked for. Whatever goes wrong is in the outcome.
/// The observer is told what the statement cost, without the rows' conversion; it may be null.
///
/// On the connection's thread; blocks.
Outcome execute(Connection& connection, const Read& read, observe::DatabaseObserver* observer);

/// Waits for PostgreSQL to answer on this connection. Returns why it did not, or nothing.
std::string ping(Connection& connection);

}  // namespace signalbox::db
