#include "support/standby.hpp"

#include <filesystem>
#include <stdexcept>
#include <vector>

#include "signalbox/testing/postgres_cluster.hpp"
#include "signalbox/testing/spawn.hpp"
#include "support/eventually.hpp"

namespace signalbox::test {
namespace {

namespace fs = std::filesystem;

std::vector<std::string> settings() {
    return {"wal_level=replica", "max_wal_senders=4", "hot_standby=on",
            "max_standby_streaming_delay=0"};
}

std::string host_and_port(const PostgresServer& server) {
    const std::string url = server.database_url();
    return "host=" + server.socket_directory().string() + " port=" + url.substr(url.rfind('=') + 1);
}

}  // namespace

PostgresOptions primary_options() {
    return {.settings = settings()};
}

Standby::Standby(const PostgresServer& primary)
    : primary_(primary), server_({.settings = settings()}) {
    server_.stop();
    const fs::path data = server_.socket_directory() / "data";
    fs::remove_all(data);
    auto copy = PostgresInstallation::find().command(
        "pg_basebackup",
        {"--dbname", host_and_port(primary) + " user=postgres", "--pgdata", data.string(),
         "--write-recovery-conf", "--checkpoint=fast", "--wal-method=stream", "--no-sync"});
    copy.output = server_.socket_directory() / "copy.log";
    run_program(copy);
    server_.start();
    catch_up();
}

void Standby::catch_up() const {
    const std::string there = query_value(primary_.database_url(), "SELECT pg_current_wal_lsn()");
    const bool here = eventually([&] {
        return query_value(server_.database_url(),
                           "SELECT pg_last_wal_replay_lsn() >= '" + there + "'::pg_lsn") == "t";
    });
    if (!here) throw std::runtime_error("the standby does not follow:\n" + server_.log());
}

}  // namespace signalbox::test
