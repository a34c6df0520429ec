#pragma once

#include <chrono>
#include <string>
#include <vector>

namespace signalbox::db {

struct ConnectionOptions {
    /// A libpq URI or `keyword=value` string; several hosts are fine. What it says wins over the
    /// defaults of ours, as do libpq's environment variables.
    std::string url;
    /// What pg_stat_activity shows of a session, if the URL names nothing.
    std::string application_name{};
    /// Named prepared statements and the start-up parameter `options`: neither gets through
    /// PgBouncer's transaction mode.
    bool prepare = true;
    /// For each host in turn; libpq counts whole seconds, and at least two.
    std::chrono::milliseconds connect_timeout{5000};
    /// PostgreSQL ends a statement that takes longer; 0 for never. Only with `prepare`.
    std::chrono::milliseconds query_timeout{5000};
    /// PostgreSQL ends a session that is in a transaction and says nothing for longer, as one whose
    /// process has frozen; 0 for never. Only with `prepare`.
    std::chrono::milliseconds idle_in_transaction_timeout{0};
    /// For migrations: nothing takes too long, whatever the URL says.
    bool migrates = false;
    /// PQserverVersion() of the server, where an earlier connection told it: what only newer ones
    /// know is set then, which older ones would refuse the connection for. 0: not known.
    int server_version = 0;
    /// The database has no encoding (SQL_ASCII), as an earlier connection told: PostgreSQL would
    /// refuse to send as UTF-8 what is none.
    bool sql_ascii = false;
};

/// What libpq is told to open a connection: the URL and the defaults that it leaves open. It holds
/// the password. Throws std::invalid_argument when libpq cannot read the URL.
///
/// What the service depends on does not come from the role, the database or the server. Connections
/// always speak UTF-8 (SQL_ASCII where the database does), tell the time in UTC and write it as ISO
/// 8601, whatever the URL says: rows become JSON and RFC 3339 by that. With `prepare` the other
/// forms are set as well (intervals, numbers, bytea), and the timeouts, for which the URL's
/// `options` count; and transactions can only read, unless they begin with READ WRITE or the
/// connection is for migrations.
[[nodiscard]] std::string connection_settings(const ConnectionOptions& options);

/// Whether that has to be SET once the connection stands: libpq looks for a server whose sessions
/// are read only, or are not, and would be misled by the start-up option.
[[nodiscard]] bool is_read_only_by_set(const ConnectionOptions& options);

/// The same forms and timeouts for one transaction, each as `SET LOCAL …`: all that can be set
/// behind a pooler, which lends its sessions and takes no `options`.
[[nodiscard]] std::vector<std::string> local_settings(const ConnectionOptions& options);

/// As one text, each with a semicolon before it.
[[nodiscard]] std::string behind_begin(const std::vector<std::string>& local_settings);

}  // namespace signalbox::db
