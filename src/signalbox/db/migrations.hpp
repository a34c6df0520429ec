#pragma once

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "signalbox/db/migration_file.hpp"

namespace signalbox::db {

/// Where migrations go to and how long to wait for it.
struct MigrationTarget {
    std::string database_url;
    /// While there is no server; once connected a migration may take as long as it needs.
    std::chrono::milliseconds patience{};
};

struct MigrationState {
    Migration migration;
    bool applied = false;
};

/// Every migration of the folder, in order. A version the database has and the folder has not is
/// passed over, as dbmate does: an older release runs on a newer database.
/// All of these block, and change nothing unless they say so. What they throw is for the operator:
/// it names the file, for an SQL error as file:line:column, and holds no password. It is an Error
/// when PostgreSQL refuses a statement, Unavailable when it cannot be reached or the connection is
/// lost, and another std::runtime_error when the files are at fault.
std::vector<MigrationState> migration_status(const MigrationTarget& target,
                                             const std::filesystem::path& folder);

/// Those that apply_migrations would apply. What a server asks at its start.
std::vector<Migration> pending_migrations(const MigrationTarget& target,
                                          const std::filesystem::path& folder);

/// As `dbmate status` writes it: "[X] file" or "[ ] file", then the counts.
std::string format_status(const std::vector<MigrationState>& states);

/// Told what happens, a line at a time without a line feed.
using MigrationReport = std::function<void(std::string_view line)>;

/// Applies what is pending. Any number of processes may do so at the same time: one works, the
/// others wait for it and find nothing left. Each migration is one transaction together with the
/// record that it was applied, so a failure leaves those before it and nothing of its own. One with
/// transaction:false goes to the server as one text: PostgreSQL puts several statements of a text
/// into one transaction of its own, so give each statement that minds a file of its own.
/// An empty folder is an error, as for dbmate: it is the wrong one.
void apply_migrations(const MigrationTarget& target, const std::filesystem::path& folder,
                      const MigrationReport& report);

}  // namespace signalbox::db
