#pragma once

#include <cstddef>
#include <memory>

#include "signalbox/async/task.hpp"
#include "signalbox/db/statement.hpp"
#include "signalbox/json.hpp"

namespace signalbox::db {

class ConnectionPool;

/// Run a statement that writes, in a transaction of its own and one round trip. They throw
/// UnknownOutcome when its connection broke, unless the statement may be repeated and the second
/// time goes well.

/// How many rows it affected.
async::Task<std::size_t> write_count(ConnectionPool& pool, Statement statement);
/// The rows that it returned, as its form has them.
async::Task<JsonText> write_json(ConnectionPool& pool, Statement statement);
async::Task<std::shared_ptr<const void>> write_values(ConnectionPool& pool, Statement statement);

}  // namespace signalbox::db
