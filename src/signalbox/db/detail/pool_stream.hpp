#pragma once

#include <memory>

#include "signalbox/db/row_stream.hpp"
#include "signalbox/db/statement.hpp"

namespace signalbox::db {

class ConnectionPool;

/// A stream of the pool: a read first, and what has more rows than that by a StreamExecution.
std::unique_ptr<detail::RowSource> pool_stream(ConnectionPool& pool, Statement statement);

}  // namespace signalbox::db
