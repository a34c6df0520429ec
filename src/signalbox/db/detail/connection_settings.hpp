#pragma once

#include <chrono>
#include <string>

namespace signalbox::db {

struct ConnectionOptions {
    /// A libpq URI or `keyword=value` string; several hosts are fine. What it says wins over the
    /// defaults of ours, as do libpq's environment variables.
    std::string url;
    /// Named prepared statements and the start-up parameter `options`: neither gets through
    /// PgBouncer's transaction mode.
    bool prepare = true;
    /// For each host in turn; libpq counts whole seconds, and at least two.
    std::chrono::milliseconds connect_timeout{5000};
    /// PostgreSQL ends a statement that takes longer; 0 for never. Only with `prepare`.
    std::chrono::milliseconds query_timeout{5000};
};

/// What libpq is told to open a connection: the URL and the defaults that it leaves open. It holds
/// the password. Throws std::invalid_argument when libpq cannot read the URL.
///
/// Connections always speak UTF-8, tell the time in UTC and write it as ISO 8601, whatever the URL,
/// the role or the server is set to: rows become JSON and RFC 3339 by that.
[[nodiscard]] std::string connection_settings(const ConnectionOptions& options);

}  // namespace signalbox::db
