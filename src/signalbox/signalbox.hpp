#pragma once

/// What most services are written with, at once. A file that needs little compiles faster with the
/// headers that it needs.

#include "signalbox/api/logger.hpp"
#include "signalbox/api/metrics.hpp"
#include "signalbox/api/module.hpp"
#include "signalbox/api/parameters.hpp"
#include "signalbox/api/rows.hpp"
#include "signalbox/application.hpp"
#include "signalbox/async/all.hpp"
#include "signalbox/async/sleep.hpp"
#include "signalbox/async/spawn.hpp"
#include "signalbox/client/http_client.hpp"
#include "signalbox/db/error.hpp"
#include "signalbox/db/pool.hpp"
#include "signalbox/http/errors.hpp"
#include "signalbox/http/event_stream.hpp"
#include "signalbox/http/file.hpp"
#include "signalbox/http/middleware/cors.hpp"
#include "signalbox/http/middleware/gzip.hpp"
#include "signalbox/http/middleware/trusted_hosts.hpp"
