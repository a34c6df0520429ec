#pragma once

#include "config/config.hpp"
#include "http/server_context.hpp"
#include "observe/log.hpp"

namespace signalbox::http {

/// What a server writes to the log of its requests. One line for each that is over: what was
/// asked, what was answered, how long it took and what it waited for; a 500's cause is in it, under
/// the request id that the client has. And a warning for one that is slow while it is in flight.
/// `log` must outlive the server.
Observer access_log(observe::Log& log, AccessLog which);

}  // namespace signalbox::http
