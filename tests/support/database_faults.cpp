#include "support/database_faults.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <fstream>

#include "signalbox/testing/postgres_cluster.hpp"
#include "support/eventually.hpp"

namespace signalbox::test {

namespace {

const std::string of_the_service =
    " FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'signalbox'";

}  // namespace

void freeze(const PostgresServer& server) {
    ::kill(server.pid(), SIGSTOP);  // first, so that it makes no more when it has stopped
    siginfo_t stopped{};
    ::waitid(P_PID, static_cast<id_t>(server.pid()), &stopped, WSTOPPED | WEXITED | WNOWAIT);
    for (const pid_t process : server.processes())
        ::kill(process, SIGSTOP);
}

void thaw(const PostgresServer& server) {
    for (const pid_t process : server.processes())
        ::kill(process, SIGCONT);
}

void replace_by_an_empty_one(PostgresServer& server) {
    server.kill();
    const auto data = server.socket_directory() / "data";
    const auto empty = make_cluster();
    std::filesystem::remove_all(data);
    std::filesystem::rename(empty / "data", data);
    std::filesystem::remove_all(empty);
    server.start();
}

void end_all_sessions(const std::string& url) {
    execute(url, "SELECT pg_terminate_backend(pid)" + of_the_service);
}

int sessions_of_the_service(const std::string& url) {
    return std::stoi(query_value(url, "SELECT count(*)" + of_the_service));
}

std::vector<std::unique_ptr<pqxx::connection>> take_all_connections(const std::string& url,
                                                                    std::size_t max_connections) {
    std::vector<std::unique_ptr<pqxx::connection>> others;
    others.push_back(std::make_unique<pqxx::connection>(url));
    const auto take_what_is_free = [&] {
        try {
            while (others.size() < 100)
                others.push_back(std::make_unique<pqxx::connection>(url));
        } catch (const pqxx::broken_connection&) {  // there is none left
        }
    };
    eventually([&] {
        pqxx::nontransaction(*others.front())
            .exec("SELECT pg_terminate_backend(pid)" + of_the_service);
        take_what_is_free();
        return others.size() == max_connections;
    });
    return others;
}

SecretFile::SecretFile()
    : file_(std::filesystem::temp_directory_path() /
            ("signalbox-secret-" + std::to_string(::getpid()))) {}

SecretFile::~SecretFile() {
    std::filesystem::remove(file_);
}

void SecretFile::write(const std::string& text) const {
    const std::string next = file_.string() + ".next";
    std::ofstream(next) << text << '\n';
    std::filesystem::rename(next, file_);
}

}  // namespace signalbox::test
