#pragma once

#include <functional>

#include "config/config.hpp"
#include "http/server_context.hpp"
#include "observe/log.hpp"

namespace signalbox::http {

/// For a server's on_finished: one line for each request that is over, with what was asked, what
/// was answered, how long it took and what it waited for. A 500's cause is in it, under the
/// request id that the client has. `log` must outlive the server.
std::function<void(const FinishedRequest&)> access_log(observe::Log& log, AccessLog which);

/// For a server whose requests are not worth a line each.
std::function<void(const FinishedRequest&)> no_access_log();

}  // namespace signalbox::http
