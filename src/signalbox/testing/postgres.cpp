#include "signalbox/testing/postgres.hpp"

#include <fcntl.h>
#include <libpq-fe.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <chrono>
#include <csignal>
#include <fstream>
#include <iterator>
#include <memory>
#include <stdexcept>
#include <system_error>
#include <thread>

#include "signalbox/testing/postgres_cluster.hpp"
#include "signalbox/testing/spawn.hpp"

namespace signalbox::test {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

namespace {

// Waits for the end of the test process, which alone holds the other end of its stdin. Every
// process of a PostgreSQL server has the data folder as its working directory.
constexpr auto keeper_script = R"sh(
trap '' INT TERM HUP
exec 3<&0  # a shell gives its background /dev/null as stdin
(
    read -r _ <&3
    [ -d "$1" ] || exit 0  # cleaned up already
    for attempt in 1 2 3 4 5 6 7 8 9 10; do
        alive=
        for process in /proc/[0-9]*; do
            [ "$process/cwd" -ef "$1/data" ] || continue
            alive=yes
            # QUIT first: a server killed outright would leave its shared memory behind.
            if [ "$attempt" -lt 5 ]; then kill -QUIT "${process#/proc/}"
            else kill -KILL "${process#/proc/}"; fi
        done
        [ -n "$alive" ] || break
        sleep 0.2
    done
    rm -rf "$1"
) &
)sh";

using Result = std::unique_ptr<PGresult, decltype(&PQclear)>;

using Connection = std::unique_ptr<PGconn, decltype(&PQfinish)>;

Connection connect(const std::string& url) {
    Connection connection{PQconnectdb(url.c_str()), PQfinish};
    if (PQstatus(connection.get()) != CONNECTION_OK)
        throw std::runtime_error(PQerrorMessage(connection.get()));
    return connection;
}

Result query(const Connection& connection, const std::string& sql) {
    Result result{PQexec(connection.get(), sql.c_str()), PQclear};
    const auto status = PQresultStatus(result.get());
    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK)
        throw std::runtime_error(PQerrorMessage(connection.get()) + sql);
    return result;
}

/// The parent of a process. Nothing when there is no such process, or it has ended and only its
/// parent does not know yet. Not its folder, which root in a container may not see of another
/// user's process.
std::optional<pid_t> parent_of(pid_t process) {
    std::ifstream file{"/proc/" + std::to_string(process) + "/stat"};
    std::string stat;
    std::getline(file, stat, '\0');  // as much as there is; a process may end while it is read
    // "PID (name) state PPID …", and a name may hold anything.
    const std::size_t name_end = stat.rfind(") ");
    if (name_end == std::string::npos || stat[name_end + 2] == 'Z') return std::nullopt;
    pid_t parent = 0;
    std::from_chars(stat.data() + name_end + 4, stat.data() + stat.size(), parent);
    return parent;
}

}  // namespace

PostgresServer::PostgresServer(const PostgresOptions& options)
    : tcp_(options.tcp), settings_(options.settings) {
    if (tcp_) port_ = tcp_port_.emplace().number();
    folder_ = make_cluster();
    start_keeper();
    try {
        start();
    } catch (...) {
        ::close(keeper_);
        throw;
    }
}

PostgresServer::~PostgresServer() {
    if (running()) stop(Stop::immediate);
    std::error_code ignored;  // the keeper tries again
    fs::remove_all(folder_, ignored);
    ::close(keeper_);
}

PostgresServer& PostgresServer::shared() {
    static PostgresServer server;
    return server;
}

void PostgresServer::start_keeper() {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0)
        throw std::system_error(errno, std::system_category(), "pipe");
    SpawnOptions keeper;
    keeper.arguments = {"/bin/sh", "-c", keeper_script, "keeper", folder_.string()};
    keeper.input = ends[0];
    run_program(keeper);  // returns at once: the work is in the shell's background
    ::close(ends[0]);
    keeper_ = ends[1];
}

void PostgresServer::start() {
    if (running()) throw std::logic_error("the server runs already");
    std::vector<std::string> arguments{"-D", folder_ / "data", "-p", std::to_string(port_)};
    const auto set = [&](const std::string& setting) {
        arguments.insert(arguments.end(), {"-c", setting});
    };
    set("unix_socket_directories=" + folder_.string());
    set(tcp_ ? "listen_addresses=127.0.0.1" : "listen_addresses=");
    for (const auto* setting :
         {"fsync=off", "synchronous_commit=off", "full_page_writes=off", "autovacuum=off",
          "jit=off", "shared_buffers=16MB", "wal_level=minimal", "max_wal_senders=0",
          "dynamic_shared_memory_type=mmap", "timezone=Asia/Kolkata", "datestyle=SQL, DMY"})
        set(setting);
    for (const auto& setting : settings_)
        set(setting);

    auto command = PostgresInstallation::find().command("postgres", arguments);
    command.directory = folder_ / "data";
    command.output = folder_ / "log";
    postmaster_ = spawn(command);
    wait_until_ready();
}

// The status that pg_ctl looks at, too: the server tells nobody else.
void PostgresServer::wait_until_ready() {
    const auto deadline = std::chrono::steady_clock::now() + 60s;
    while (std::chrono::steady_clock::now() < deadline) {
        std::ifstream file{folder_ / "data" / "postmaster.pid"};
        const std::string text{std::istreambuf_iterator<char>{file}, {}};
        if (text.starts_with(std::to_string(postmaster_) + "\n") &&
            text.find("\nready") != std::string::npos)
            return;
        if (wait_for_exit(postmaster_, 2ms)) {
            postmaster_ = 0;
            throw std::runtime_error("PostgreSQL did not start:\n" + log());
        }
    }
    kill();
    throw std::runtime_error("PostgreSQL was not ready in a minute:\n" + log());
}

void PostgresServer::stop(Stop mode) {
    if (!running()) return;
    ::kill(postmaster_, mode == Stop::fast ? SIGINT : SIGQUIT);
    if (!wait_for_exit(postmaster_, 20s)) {
        kill();
        throw std::runtime_error("PostgreSQL did not stop:\n" + log());
    }
    postmaster_ = 0;
}

void PostgresServer::kill() {
    // Stopped first: it must neither fork another session nor start a recovery when one dies.
    ::kill(postmaster_, SIGSTOP);
    siginfo_t stopped{};
    ::waitid(P_PID, static_cast<id_t>(postmaster_), &stopped, WSTOPPED | WEXITED | WNOWAIT);
    const auto all = processes();
    for (const pid_t process : all)
        ::kill(process, SIGKILL);
    wait_for_exit(postmaster_, 20s);
    postmaster_ = 0;
    // A start on the same data is refused until the last session is gone.
    for (const pid_t process : all) {
        while (parent_of(process))
            std::this_thread::yield();
    }
}

void PostgresServer::restart(Stop mode) {
    stop(mode);
    start();
}

std::vector<pid_t> PostgresServer::processes() const {
    std::vector<pid_t> found;
    if (!running()) return found;
    for (const auto& entry : fs::directory_iterator{"/proc"}) {
        const auto name = entry.path().filename().string();
        pid_t process = 0;
        std::from_chars(name.data(), name.data() + name.size(), process);
        const auto parent = parent_of(process);
        if (parent && (process == postmaster_ || parent == postmaster_)) found.push_back(process);
    }
    return found;
}

std::string PostgresServer::database_url(std::string_view database) const {
    return "postgresql://postgres@/" + std::string{database} + "?host=" + folder_.string() +
           "&port=" + std::to_string(port_);
}

std::string PostgresServer::tcp_url(std::string_view database) const {
    if (!tcp_) throw std::logic_error("this server does not listen on TCP");
    return "postgresql://postgres@127.0.0.1:" + std::to_string(port_) + "/" + std::string{database};
}

std::string PostgresServer::create_database(std::string_view clauses) {
    const auto name = "test_" + std::to_string(++databases_);
    // Where there is a choice, files are copied: to log each page takes more than twice as much.
    const auto connection = connect(database_url());
    const bool choice = PQserverVersion(connection.get()) >= 150000;
    query(connection, "CREATE DATABASE " + name + " " + (choice ? "STRATEGY file_copy " : "") +
                          std::string{clauses});
    return database_url(name);
}

std::string PostgresServer::log() const {
    std::ifstream file{folder_ / "log"};
    return {std::istreambuf_iterator<char>{file}, {}};
}

void execute(const std::string& url, const std::string& sql) {
    query(connect(url), sql);
}

std::string query_value(const std::string& url, const std::string& sql) {
    const auto result = query(connect(url), sql);
    return PQntuples(result.get()) > 0 ? PQgetvalue(result.get(), 0, 0) : "";
}

}  // namespace signalbox::test
