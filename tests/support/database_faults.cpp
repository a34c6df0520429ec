#include "support/database_faults.hpp"

#include <csignal>

namespace signalbox::test {

namespace {

const std::string of_the_service =
    " FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'signalbox'";

}  // namespace

void freeze(const PostgresServer& server) {
    ::kill(server.pid(), SIGSTOP);  // first, so that it makes no more
    for (const pid_t process : server.processes())
        ::kill(process, SIGSTOP);
}

void thaw(const PostgresServer& server) {
    for (const pid_t process : server.processes())
        ::kill(process, SIGCONT);
}

void end_all_sessions(const std::string& url) {
    execute(url, "SELECT pg_terminate_backend(pid)" + of_the_service);
}

int sessions_of_the_service(const std::string& url) {
    return std::stoi(query_value(url, "SELECT count(*)" + of_the_service));
}

}  // namespace signalbox::test
