#pragma once

#include <libpq-fe.h>

#include <chrono>
#include <functional>
#include <memory>
#include <stop_token>

namespace signalbox::db {

struct CloseConnection {
    void operator()(PGconn* connection) const { PQfinish(connection); }
};
using ConnectionHandle = std::unique_ptr<PGconn, CloseConnection>;

/// Runs `connect`, which blocks inside libpq or the system's resolver for as long as these like,
/// and waits for its connection until `until` or `stop`, whichever comes first: null then, and the
/// attempt is left alone with the connection, on a thread of its own. So `connect` owns all that it
/// uses. Throws std::system_error when there is no thread to be had.
ConnectionHandle connect_in_time(std::function<ConnectionHandle()> connect,
                                 std::chrono::steady_clock::time_point until,
                                 const std::stop_token& stop);

}  // namespace signalbox::db
