#pragma once

#include <sys/types.h>

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "signalbox/testing/held_port.hpp"

namespace signalbox::test {

struct PostgresOptions {
    /// Also listen on a free port of 127.0.0.1; otherwise on a Unix socket only.
    bool tcp = false;
    /// More server settings as `name=value`, for instance `max_connections=5`.
    std::vector<std::string> settings{};
};

/// A real PostgreSQL of our own, as user `postgres` without a password, in a folder of its own.
///
/// Starting one costs about a tenth of a second. Its time zone and date style are odd on purpose
/// (Asia/Kolkata, `SQL, DMY`): code that relies on the server's defaults fails its test.
///
/// When the test process dies, however that happens, a small shell process sees it, ends the
/// server and removes the folder. (PR_SET_PDEATHSIG would be tied to the thread that forked, and
/// would leave the folder.) Not safe to use from several threads at once.
class PostgresServer {
  public:
    enum class Stop { fast, immediate };

    /// Starts the server and returns when it accepts connections. Throws std::runtime_error with
    /// the server's log when it cannot.
    explicit PostgresServer(const PostgresOptions& options = {});
    ~PostgresServer();

    PostgresServer(const PostgresServer&) = delete;
    PostgresServer& operator=(const PostgresServer&) = delete;

    /// The server that all tests of this process share; each takes a database of its own from it.
    static PostgresServer& shared();

    /// After stop() or kill(): on the same data, the same socket and the same port.
    void start();
    /// Ends the server and all its sessions: `fast` as `pg_ctl stop`, `immediate` without a
    /// checkpoint, so that the next start recovers.
    void stop(Stop mode = Stop::fast);
    /// `kill -9` of the server and all its sessions: no goodbye is sent on any connection.
    void kill();
    void restart(Stop mode = Stop::fast);

    [[nodiscard]] bool running() const { return postmaster_ > 0; }
    /// The server's process; 0 when it is stopped.
    [[nodiscard]] pid_t pid() const { return postmaster_; }
    /// All processes of the server: the postmaster, its helpers and one for each session.
    [[nodiscard]] std::vector<pid_t> processes() const;

    /// `postgresql://` URL through the Unix socket.
    [[nodiscard]] std::string database_url(std::string_view database = "postgres") const;
    /// The same through TCP. Throws std::logic_error unless the server was asked to listen there.
    [[nodiscard]] std::string tcp_url(std::string_view database = "postgres") const;
    /// 0 unless the server was asked to listen on TCP.
    [[nodiscard]] int tcp_port() const { return tcp_ ? port_ : 0; }
    /// The folder of the Unix socket, for `host=`.
    [[nodiscard]] const std::filesystem::path& socket_directory() const { return folder_; }

    /// Makes an empty database with a name of its own and returns its URL (Unix socket).
    /// `clauses` goes behind CREATE DATABASE, for instance `TEMPLATE template0 ENCODING 'LATIN1'`.
    [[nodiscard]] std::string create_database(std::string_view clauses = {});

    /// What the server wrote to its log until now.
    [[nodiscard]] std::string log() const;

  private:
    void start_keeper();
    void wait_until_ready();

    const bool tcp_;
    const std::vector<std::string> settings_;
    std::optional<HeldPort> tcp_port_;  // held while the server is stopped, too
    int port_ = 5432;
    std::filesystem::path folder_;
    pid_t postmaster_ = 0;
    int keeper_ = -1;  // closing it lets the keeper clean up
    int databases_ = 0;
};

/// Runs one or more statements, separated by `;`. Throws std::runtime_error with PostgreSQL's
/// message when one fails.
void execute(const std::string& url, const std::string& sql);

/// Runs a query and returns its first value as text; empty for NULL and for no row.
[[nodiscard]] std::string query_value(const std::string& url, const std::string& sql);

}  // namespace signalbox::test
