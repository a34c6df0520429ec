#include "signalbox/db/migrations.hpp"

#include <algorithm>
#include <iterator>
#include <set>
#include <stdexcept>

#include "signalbox/db/detail/migration_connection.hpp"
#include "signalbox/db/detail/migration_lock.hpp"
#include "signalbox/process/read_file.hpp"

namespace signalbox::db {
namespace {

/// Quoted "schema.schema_migrations", where dbmate keeps it too. Qualified, because a migration may
/// change the search path (pg_dump's files do).
std::string migrations_table(MigrationConnection& connection) {
    return connection
        .column("SELECT quote_ident(coalesce(current_schema(), 'public')) || '.schema_migrations'")
        .front();
}

std::set<std::string> applied_versions(MigrationConnection& connection, const std::string& table) {
    if (connection.column("SELECT to_regclass($1)", {table}).front().empty()) return {};
    const auto versions = connection.column("SELECT version FROM " + table);
    return {versions.begin(), versions.end()};
}

std::vector<Migration> not_applied(const std::vector<Migration>& migrations,
                                   const std::set<std::string>& applied) {
    std::vector<Migration> pending;
    std::ranges::copy_if(migrations, std::back_inserter(pending),
                         [&](const Migration& m) { return !applied.contains(m.version); });
    return pending;
}

struct PendingMigration {
    Migration migration;
    std::string content;
    UpBlock up;
};

/// Reads them all before the first is applied, so that a broken file stops the release, not half
/// of it.
std::vector<PendingMigration> read_all(const std::vector<Migration>& migrations) {
    std::vector<PendingMigration> result;
    for (const Migration& migration : migrations) {
        const auto content = process::read_file(migration.path);
        if (!content) throw std::runtime_error{content.reason()};
        const auto up = parse_migration(*content);
        if (!up) throw std::runtime_error{migration.path.string() + ": " + up.reason()};
        // One that was made to be written later: applied now, it would be so for ever.
        if (!has_statement(up->sql)) {
            throw std::runtime_error{migration.path.string() +
                                     ": nothing to do stands after '-- migrate:up'"};
        }
        result.push_back({migration, *content, *up});
    }
    return result;
}

std::string place_of(const PendingMigration& pending, const StatementError& error) {
    std::string place = pending.migration.path.string();
    if (!error.position()) return place + ": statement " + std::to_string(error.statement());
    const auto [line, column] = locate(pending.content, pending.up.offset, *error.position());
    return place + ':' + std::to_string(line) + ':' + std::to_string(column);
}

void run(MigrationConnection& connection, const PendingMigration& pending) {
    try {
        connection.execute(pending.up.sql);
    } catch (const StatementError& error) {
        throw Error(place_of(pending, error) + ": " + error.what(), error.sqlstate());
    } catch (const Unavailable& error) {
        throw Unavailable(pending.migration.path.string() + ": " + error.what(), error.reason(),
                          error.sqlstate());
    }
    if (connection.in_transaction() == pending.up.in_transaction) return;
    throw std::runtime_error{pending.migration.path.string() +
                             (pending.up.in_transaction
                                  ? ": ends the transaction it runs in; use transaction:false"
                                  : ": leaves a transaction open")};
}

/// In a session of its own, so that no setting and no temporary table of one file reaches the next.
void apply(const MigrationTarget& target, const std::string& table,
           const PendingMigration& pending) {
    MigrationConnection connection{target.database_url, target.patience, target.application_name};
    const bool in_transaction = pending.up.in_transaction;
    if (in_transaction) connection.execute("BEGIN");
    // Role and database may set one that is meant for the service's short queries.
    connection.execute(in_transaction ? "SET LOCAL statement_timeout = 0"
                                      : "SET statement_timeout = 0");
    run(connection, pending);
    connection.column("INSERT INTO " + table + " (version) VALUES ($1)",
                      {pending.migration.version});
    if (in_transaction) connection.execute("COMMIT");
}

}  // namespace

std::vector<MigrationState> migration_status(const MigrationTarget& target,
                                             const std::filesystem::path& folder) {
    const auto migrations = load_migrations(folder);
    MigrationConnection connection{target.database_url, target.patience, target.application_name};
    const auto applied = applied_versions(connection, migrations_table(connection));
    std::vector<MigrationState> states;
    states.reserve(migrations.size());
    for (const Migration& migration : migrations) {
        states.push_back({migration, applied.contains(migration.version)});
    }
    return states;
}

std::vector<Migration> pending_migrations(const MigrationTarget& target,
                                          const std::filesystem::path& folder) {
    std::vector<Migration> pending;
    for (const MigrationState& state : migration_status(target, folder)) {
        if (!state.applied) pending.push_back(state.migration);
    }
    return pending;
}

std::string format_status(const std::vector<MigrationState>& states) {
    std::string text;
    for (const MigrationState& state : states) {
        text += (state.applied ? "[X] " : "[ ] ") + state.migration.file_name + '\n';
    }
    const auto applied = std::ranges::count_if(states, &MigrationState::applied);
    return text + "\nApplied: " + std::to_string(applied) +
           "\nPending: " + std::to_string(std::ssize(states) - applied) + '\n';
}

void apply_migrations(const MigrationTarget& target, const std::filesystem::path& folder,
                      const MigrationReport& report) {
    const auto migrations = load_migrations(folder);
    if (migrations.empty())
        throw std::runtime_error{"no migrations in " + folder.string() +
                                 "; --migrations-dir names another folder"};
    MigrationConnection connection{target.database_url, target.patience, target.application_name};
    const std::string table = migrations_table(connection);
    if (not_applied(migrations, applied_versions(connection, table)).empty()) return;

    MigrationLock lock{target, report};
    connection.execute("CREATE TABLE IF NOT EXISTS " + table + " (version varchar PRIMARY KEY)");
    // Asked again: another process may have applied them while this one waited.
    for (const PendingMigration& pending :
         read_all(not_applied(migrations, applied_versions(connection, table)))) {
        lock.check();
        report("Applying: " + pending.migration.file_name);
        const auto start = std::chrono::steady_clock::now();
        apply(target, table, pending);
        const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(
            std::chrono::steady_clock::now() - start);
        report("Applied: " + pending.migration.file_name + " in " + std::to_string(took.count()) +
               "ms");
    }
}

}  // namespace signalbox::db
