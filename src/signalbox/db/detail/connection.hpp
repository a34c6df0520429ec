#pragma once

#include <memory>
#include <pqxx/except>
#include <pqxx/result>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "signalbox/db/detail/connection_settings.hpp"
#include "signalbox/db/error.hpp"
#include "signalbox/db/statement.hpp"

using PGconn = struct pg_conn;

namespace signalbox::db {

namespace compat {
class Connection;
}

/// One connection to PostgreSQL, for one thread, blocking. Once lost it stays lost: it never
/// connects again by itself. Only cancel() may be called by another thread.
class Connection {
  public:
    /// Connects, for at most `connect_timeout` for each host of the URL. Throws Unavailable, or
    /// std::invalid_argument when the URL is none.
    ///
    /// What the options do not know of the server yet, or know wrongly, can take a second attempt:
    /// options() has it for the next connection.
    explicit Connection(ConnectionOptions options);
    ~Connection();

    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;

    /// Runs a statement that only reads and returns its rows. Throws Error or Unavailable; when
    /// `lost()` then, the connection is of no more use, else it is. One that writes is an Error,
    /// 25006.
    ///
    /// With `prepare` all transactions of the session are read only by its start-up options, and
    /// this is one round trip. Without, as behind a pooler, which lets no such option pass, it is
    /// three: BEGIN READ ONLY with local_settings(), the statement, COMMIT.
    ///
    /// With `prepare`, too, the statement is prepared at its first use; that it has to be prepared
    /// again, because a table changed or a pooler forgot it, is never seen here.
    [[nodiscard]] pqxx::result read(const Statement& statement);

    /// Those that it was opened with.
    [[nodiscard]] const ConnectionOptions& options() const noexcept { return options_; }

    /// What a transaction has to set behind its BEGIN: nothing with `prepare`, as the session has
    /// it all.
    [[nodiscard]] const std::vector<std::string>& local_settings() const noexcept {
        return local_settings_;
    }

    /// Whether an earlier read lost the connection.
    [[nodiscard]] bool lost() const noexcept { return lost_; }

    /// Whether the server closed its end, which costs one poll(2) without waiting to find out. To
    /// be asked between reads; false does not prove the server alive. Notices and notifications
    /// that wait to be read do not count.
    [[nodiscard]] bool hung_up() const noexcept;

    /// The connection's descriptor, which stays its own: for poll(2), and for shutdown(2)
    /// from another thread to free a read that a dead server holds. -1 when the connection is lost.
    [[nodiscard]] int socket() const noexcept;

    /// Asks PostgreSQL, through a connection of its own, to cancel what the connection runs. Any
    /// thread. Blocks until the server has taken the request, for seconds when it is frozen: not
    /// for an event loop. The request may come late: keep the connection from its next read until
    /// this has returned, and expect Unavailable, `timeout`, from that one all the same. Throws
    /// Unavailable when the server cannot be reached.
    void cancel();

    /// For libpq, while no read runs: whoever uses it leaves the connection as a read finds it,
    /// outside of a transaction and of pipeline mode, or says that it is lost.
    [[nodiscard]] PGconn* handle() const noexcept;
    void set_lost() noexcept { lost_ = true; }

    /// Rolls back what is open, if anything is; otherwise the connection is lost. For its thread.
    void leave_transaction() noexcept;

    /// The name under which a statement may be prepared by libpq, and whether it is already; an
    /// empty one when it is not to be prepared. What was prepared in vain is to be forgotten.
    struct PreparedName {
        std::string_view name;
        bool is_new;
    };
    [[nodiscard]] PreparedName name_for(std::string_view sql);
    void forget_name_for(std::string_view sql);

    /// A name of a table or column, in quotes where it needs them.
    [[nodiscard]] std::string quote_name(std::string_view name) const;

  private:
    [[nodiscard]] pqxx::result run(const Statement& statement);
    [[nodiscard]] pqxx::result run_read_only(const Statement& statement);
    [[nodiscard]] pqxx::result run_prepared(const Statement& statement);
    [[nodiscard]] const std::string& prepared_name(const std::string& sql);
    [[nodiscard]] std::string forget(const std::string& sql);
    [[noreturn]] void throw_classified(const pqxx::failure& error);

    ConnectionOptions options_;
    std::unique_ptr<compat::Connection> connection_;
    const std::vector<std::string> local_settings_;
    const std::string begin_read_;
    bool lost_ = false;
    int last_name_ = 0;
    std::unordered_map<std::string, std::string> prepared_;  // SQL to name
    /// Those that libpq has prepared: libpqxx 6.4 must not hear of them.
    std::unordered_map<std::string, std::string> prepared_by_libpq_;
};

}  // namespace signalbox::db
