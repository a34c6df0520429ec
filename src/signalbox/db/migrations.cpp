#include "signalbox/db/migrations.hpp"

#include <algorithm>
#include <iterator>
#include <set>
#include <stdexcept>

#include "signalbox/db/detail/migration_connection.hpp"
#include "signalbox/db/detail/migration_lock.hpp"
#include "signalbox/db/detail/sql_text.hpp"
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
    std::vector<UpSection> sections;
};

/// Reads them all before the first is applied, so that a broken file stops the release, not half
/// of it.
std::vector<PendingMigration> read_all(const std::vector<Migration>& migrations) {
    std::vector<PendingMigration> result;
    for (const Migration& migration : migrations) {
        const auto content = process::read_file(migration.path);
        if (!content) throw std::runtime_error{content.reason()};
        const auto sections = parse_migration(*content);
        if (!sections) throw std::runtime_error{migration.path.string() + ": " + sections.reason()};
        for (const UpSection& section : *sections) {
            // One that was made to be written later: applied now, it would be so for ever.
            if (has_statement(section.sql)) continue;
            throw std::runtime_error{migration.path.string() +
                                     ": nothing to do stands after '-- migrate:up'"};
        }
        result.push_back({migration, *content, *sections});
    }
    return result;
}

std::string place_of(const PendingMigration& pending, const UpSection& section,
                     const StatementError& error) {
    const std::string path = pending.migration.path.string();
    if (error.position()) {
        const std::size_t at = *error.position();
        const auto [line, column] = error.counts_bytes()
                                        ? locate(pending.content, section.offset + at - 1, 1)
                                        : locate(pending.content, section.offset, at);
        return path + ':' + std::to_string(line) + ':' + std::to_string(column);
    }
    const auto statements = split_sql(section.sql);
    std::string place = path;
    if (error.statement() <= statements.size()) {
        const auto offset = section.offset + statements[error.statement() - 1].offset;
        place += ':' + std::to_string(locate(pending.content, offset, 1).line);
    }
    return place + ": statement " + std::to_string(error.statement());
}

/// PostgreSQL's active_sql_transaction: it takes the statement in no transaction.
constexpr std::string_view wants_no_transaction = "25001";

void run(MigrationConnection& connection, const PendingMigration& pending,
         const UpSection& section) {
    try {
        connection.execute(section.sql);
    } catch (const StatementError& error) {
        std::string message = place_of(pending, section, error) + ": " + error.what();
        if (error.sqlstate() == wants_no_transaction) message += "\n  " + std::string{alone_advice};
        throw Error(message, error.sqlstate());
    } catch (const Unavailable& error) {
        throw Unavailable(pending.migration.path.string() + ": " + error.what(), error.reason(),
                          error.sqlstate());
    }
    if (connection.in_transaction() == section.in_transaction) return;
    throw std::runtime_error{pending.migration.path.string() +
                             (section.in_transaction
                                  ? ": ends the transaction it runs in; use transaction:false"
                                  : ": leaves a transaction open")};
}

/// How far a file has come.
struct Progress {
    std::size_t section = 0;  ///< those before it are applied
    enum { waits, runs, has_run } state = waits;
};

/// In a session of its own, so that no setting and no temporary table of one reaches the next.
void apply(const MigrationTarget& target, const std::string& table, const PendingMigration& pending,
           Progress& progress) {
    const UpSection& section = pending.sections[progress.section];
    MigrationConnection connection{target};
    if (section.in_transaction) connection.begin();
    progress.state = Progress::runs;
    run(connection, pending, section);
    progress.state = Progress::has_run;
    // What cannot be taken back is to be recorded, or it would be done a second time.
    if (!section.in_transaction) connection.finish();
    if (&section == &pending.sections.back()) {
        connection.column("INSERT INTO " + table + " (version) VALUES ($1)",
                          {pending.migration.version});
    }
    if (section.in_transaction) connection.execute("COMMIT");
}

/// What stays of a file that failed.
std::string what_stays(const PendingMigration& pending, const Progress& progress) {
    std::string text;
    if (!pending.sections[progress.section].in_transaction) {
        if (progress.state == Progress::runs)
            text += "\n  it ran without a transaction: what it did until then may stay half done";
        if (progress.state == Progress::has_run)
            text += "\n  it ran without a transaction: it is done, and that is not recorded";
    }
    if (progress.section > 0) {
        text += "\n  " + std::to_string(progress.section) + " of its " +
                std::to_string(pending.sections.size()) +
                " '-- migrate:up' parts stay applied, and that is not recorded: undo them, or take "
                "them out of the file";
    }
    return text;
}

void apply(const MigrationTarget& target, const std::string& table,
           const PendingMigration& pending) {
    Progress progress;
    try {
        for (; progress.section < pending.sections.size(); ++progress.section) {
            progress.state = Progress::waits;
            apply(target, table, pending, progress);
        }
    } catch (const Error& error) {
        throw Error(error.what() + what_stays(pending, progress), error.sqlstate());
    } catch (const Unavailable& error) {
        throw Unavailable(error.what() + what_stays(pending, progress), error.reason(),
                          error.sqlstate());
    } catch (const std::runtime_error& error) {
        throw std::runtime_error(error.what() + what_stays(pending, progress));
    }
}

}  // namespace

std::vector<MigrationState> migration_status(const MigrationTarget& target,
                                             const std::filesystem::path& folder) {
    const auto migrations = load_migrations(folder);
    MigrationConnection connection{target};
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

void apply_migrations(const MigrationTarget& target, const std::filesystem::path& folder) {
    const auto migrations = load_migrations(folder);
    if (migrations.empty())
        throw std::runtime_error{"no migrations in " + folder.string() +
                                 "; --migrations-dir names another folder"};
    MigrationConnection connection{target};
    const std::string table = migrations_table(connection);
    if (not_applied(migrations, applied_versions(connection, table)).empty()) return;

    MigrationLock lock{target};
    connection.execute("CREATE TABLE IF NOT EXISTS " + table + " (version varchar PRIMARY KEY)");
    // Asked again: another process may have applied them while this one waited.
    for (const PendingMigration& pending :
         read_all(not_applied(migrations, applied_versions(connection, table)))) {
        lock.check();
        const auto& name = pending.migration.file_name;
        target.report(config::LogLevel::info, "Applying: " + name);
        const auto start = std::chrono::steady_clock::now();
        apply(target, table, pending);
        const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(
            std::chrono::steady_clock::now() - start);
        target.report(config::LogLevel::info,
                      "Applied: " + name + " in " + std::to_string(took.count()) + "ms");
    }
}

}  // namespace signalbox::db
