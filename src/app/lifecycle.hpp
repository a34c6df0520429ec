#pragma once

#include <stop_token>

#include "signalbox/db/pool.hpp"

namespace signalbox::app {

/// Before the first request. Throws when the application cannot start; `stop` is the operator
/// who has changed his mind.
void startup(db::Pool& database, std::stop_token stop);

/// After the last request.
void shutdown(db::Pool& database);

}  // namespace signalbox::app
