#pragma once

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <functional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "signalbox/config/config.hpp"
#include "signalbox/db/migration_file.hpp"

namespace signalbox::db {

/// Told what happens, a line at a time without a line feed.
using MigrationReport = std::function<void(config::LogLevel level, std::string_view line)>;

/// Where migrations go to, how long to wait for it, and who is told.
struct MigrationTarget {
    std::string database_url;
    /// Until there is a connection; once there is, a migration may take as long as it needs.
    std::chrono::milliseconds patience{};
    /// What pg_stat_activity shows of the session, if the URL names nothing.
    std::string application_name{};
    MigrationReport report = [](config::LogLevel, std::string_view) {};
    /// What libpq prints while it connects.
    std::function<void(std::string_view)> notice = [](std::string_view) {};
    /// Whoever waits for PostgreSQL, for another process or for a server to come gives up at once;
    /// what runs in PostgreSQL is cancelled there.
    std::stop_token stop{};
};

struct MigrationState {
    Migration migration;
    bool applied = false;
};

/// Every migration of the folder, in order. A version the database has and the folder has not is
/// passed over, as dbmate does: an older release runs on a newer database.
/// All of these block, and change nothing unless they say so. What they throw is for the operator:
/// it names the file, for an SQL error as file:line:column, and holds no password. It is an Error
/// when PostgreSQL refuses a statement, Unavailable when it cannot be reached, the connection is
/// lost or `stop` was requested, and another std::runtime_error when the files are at fault.
std::vector<MigrationState> migration_status(const MigrationTarget& target,
                                             const std::filesystem::path& folder);

/// Those that apply_migrations would apply. What a server asks at its start.
std::vector<Migration> pending_migrations(const MigrationTarget& target,
                                          const std::filesystem::path& folder);

/// As `dbmate status` writes it: "[X] file" or "[ ] file", then the counts.
std::string format_status(const std::vector<MigrationState>& states);

/// Applies what is pending. Any number of processes may do so at the same time: one works, the
/// others wait for it and find nothing left. Each up section of a file is a transaction, and the
/// record that the file was applied is in the last one, so a failure leaves those before it and
/// nothing of its own. One with transaction:false goes to the server as one text: PostgreSQL puts
/// several statements of a text into one transaction of its own, so give each statement that minds
/// a section of its own. An error names what of a file stays.
/// An empty folder is an error, as for dbmate: it is the wrong one.
void apply_migrations(const MigrationTarget& target, const std::filesystem::path& folder);

}  // namespace signalbox::db
