#pragma once

#include <string>

#include "signalbox/testing/postgres.hpp"

namespace signalbox::test {

/// SIGSTOP for all processes of the server: connections stay, new ones are taken by the kernel, and
/// nobody answers.
void freeze(const PostgresServer& server);
void thaw(const PostgresServer& server);

/// pg_terminate_backend for all the sessions of the service in this database.
void end_all_sessions(const std::string& url);

/// How many sessions the service has in this database.
[[nodiscard]] int sessions_of_the_service(const std::string& url);

}  // namespace signalbox::test
