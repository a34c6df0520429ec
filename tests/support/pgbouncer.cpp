#include "support/pgbouncer.hpp"

#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <system_error>

#include "signalbox/testing/postgres_cluster.hpp"
#include "signalbox/testing/spawn.hpp"
#include "support/eventually.hpp"
#include "support/files.hpp"

namespace signalbox::test {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

namespace {

constexpr auto program = "/usr/sbin/pgbouncer";

}  // namespace

PgBouncer::PgBouncer(const PostgresServer& server, int pool_size)
    : folder_(new_folder("pgbouncer")) {
    fs::permissions(folder_, fs::perms::owner_all | fs::perms::group_exec | fs::perms::others_exec);
    std::ofstream(folder_ / "users") << "\"postgres\" \"\"\n\"odd\" \"\"\n";
    const std::string server_url = server.database_url();
    // Asking again for a lost server waits 15 s by default, which is all that is not usual here.
    std::ofstream(folder_ / "pgbouncer.ini")
        << "[databases]\n* = host=" << server.socket_directory().string()
        << " port=" << server_url.substr(server_url.rfind('=') + 1)
        << "\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = " << port_.number()
        << "\nunix_socket_dir =\npool_mode = transaction\ndefault_pool_size = " << pool_size
        << "\nauth_type = trust\nauth_file = " << (folder_ / "users").string()
        << "\nserver_login_retry = 1\n";
    try {
        start();
    } catch (...) {
        fs::remove_all(folder_);
        throw;
    }
}

PgBouncer::~PgBouncer() {
    stop();
    std::error_code ignored;
    fs::remove_all(folder_, ignored);
}

void PgBouncer::start() {
    if (!fs::exists(program)) throw std::runtime_error("no PgBouncer (apt-get install pgbouncer)");
    auto command =
        PostgresInstallation::find().command(program, {(folder_ / "pgbouncer.ini").string()});
    command.output = folder_ / "log";
    command.dies_with_caller = true;
    pid_ = spawn(command);
    const bool up = eventually([&] {
        try {
            return query_value(url("postgres"), "SELECT 'up'") == "up";
        } catch (const std::runtime_error&) {  // it does not listen yet
            return false;
        }
    });
    if (up) return;
    stop();
    throw std::runtime_error("PgBouncer does not start: " + log());
}

void PgBouncer::stop() {
    if (pid_ == 0) return;
    ::kill(pid_, SIGTERM);
    if (!wait_for_exit(pid_, 10s)) {
        ::kill(pid_, SIGKILL);
        wait_for_exit(pid_, 10s);
    }
    pid_ = 0;
}

void PgBouncer::start_if_it_ended() {
    if (pid_ == 0 || !wait_for_exit(pid_, 0s)) return;
    pid_ = 0;
    start();
}

std::string PgBouncer::url(std::string_view database, std::string_view user) const {
    return "postgresql://" + std::string{user} + "@127.0.0.1:" + port_.text() + "/" +
           std::string{database};
}

std::string PgBouncer::log() const {
    std::ifstream file{folder_ / "log"};
    return {std::istreambuf_iterator<char>{file}, {}};
}

}  // namespace signalbox::test
