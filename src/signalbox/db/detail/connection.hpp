#pragma once

#include <memory>
#include <pqxx/connection>
#include <pqxx/except>
#include <pqxx/result>
#include <string>
#include <unordered_map>

#include "signalbox/db/detail/connection_settings.hpp"
#include "signalbox/db/error.hpp"
#include "signalbox/db/statement.hpp"

namespace signalbox::db {

/// One connection to PostgreSQL, for one thread, blocking. Once lost it stays lost: it never
/// connects again by itself. Only cancel() may be called by another thread.
class Connection {
  public:
    /// Connects, for at most `connect_timeout` for each host of the URL. Throws Unavailable, or
    /// std::invalid_argument when the URL is none.
    explicit Connection(const ConnectionOptions& options);
    ~Connection();

    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;

    /// Runs a statement outside of any transaction block and returns its rows. Throws Error or
    /// Unavailable; when `lost()` then, the connection is of no more use, else it is.
    ///
    /// With `prepare` the statement is prepared at its first use; that it has to be prepared again,
    /// because a table changed or a pooler forgot it, is never seen here.
    [[nodiscard]] pqxx::result read(const Statement& statement);

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

  private:
    [[nodiscard]] pqxx::result run(const Statement& statement);
    [[nodiscard]] pqxx::result run_prepared(const Statement& statement);
    [[nodiscard]] const std::string& prepared_name(const std::string& sql);
    [[nodiscard]] std::string forget(const std::string& sql);
    [[noreturn]] void throw_classified(const pqxx::failure& error);

    const bool prepare_;
    bool lost_ = false;
    int last_name_ = 0;
    std::unordered_map<std::string, std::string> prepared_;  // SQL to name
    std::unique_ptr<pqxx::connection> connection_;
};

}  // namespace signalbox::db
