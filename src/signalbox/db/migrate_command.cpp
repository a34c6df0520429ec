#include "signalbox/db/migrate_command.hpp"

#include <cstdint>
#include <iterator>
#include <optional>
#include <ostream>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "signalbox/db/detail/sqlstate.hpp"
#include "signalbox/db/migrations.hpp"
#include "signalbox/db/notices.hpp"
#include "signalbox/observe/log.hpp"
#include "signalbox/process/service_manager.hpp"

namespace signalbox::db {
namespace {

MigrationTarget target_of(const config::Config& config, observe::Log& log,
                          const std::stop_token& stop) {
    return {
        .database_url = config.database_url,
        .patience = config.database_startup_timeout,
        .application_name = config.program + " migrate",
        .report = [&log](config::LogLevel level, std::string_view line) { log.write(level, line); },
        .stop = stop};
}

/// As long as they need, which nobody knows beforehand.
void apply(const MigrationTarget& target, const config::Config& config) {
    const process::TimeoutExtension wait_for_it(
        [&target](std::string_view why) { target.report(config::LogLevel::warning, why); });
    apply_migrations(target, config.migrations_dir);
}

Notices notices_of(observe::Log& log) {
    return Notices([&log](std::string_view message) {
        log.write(is_warning(message) ? config::LogLevel::warning : config::LogLevel::info,
                  message);
    });
}

void write_status(observe::Log& log, const std::vector<MigrationState>& states) {
    std::int64_t applied = 0;
    for (const MigrationState& state : states) {
        log.write(config::LogLevel::info,
                  (state.applied ? "Applied: " : "Pending: ") + state.migration.file_name);
        if (state.applied) ++applied;
    }
    log.write(config::LogLevel::info, "migrations",
              {{"applied", applied}, {"pending", std::ssize(states) - applied}});
}

/// Who serves needs no right to read which migrations there are: then nothing is known to be
/// pending, which the pool says, too.
std::optional<std::vector<Migration>> pending_if_readable(const MigrationTarget& target,
                                                          const config::Config& config) {
    try {
        return pending_migrations(target, config.migrations_dir);
    } catch (const Error& error) {
        if (error.sqlstate() != insufficient_privilege) throw;
        return std::nullopt;
    }
}

template <typename Work>
int run(observe::Log& log, Work work) {
    try {
        work();
        return 0;
    } catch (const std::runtime_error& error) {
        log.write_fatal(error.what());
        return 1;
    }
}

}  // namespace

int run_migrate(const config::Config& config, observe::Log& log, const std::stop_token& stop) {
    Notices notices = notices_of(log);
    MigrationTarget target = target_of(config, log, stop);
    target.notice = [&](std::string_view message) { notices.add(message); };
    return run(log, [&] { apply(target, config); });
}

int run_migrate_status(const config::Config& config, std::ostream& output, observe::Log& log,
                       const std::stop_token& stop) {
    Notices notices = notices_of(log);
    MigrationTarget target = target_of(config, log, stop);
    target.notice = [&](std::string_view message) { notices.add(message); };
    return run(log, [&] {
        const auto states = migration_status(target, config.migrations_dir);
        if (log.format() == config::LogFormat::text) {
            output << format_status(states) << std::flush;
        } else {
            write_status(log, states);
        }
    });
}

PreparedSchema prepare_schema(const config::Config& config, observe::Log& log,
                              const std::stop_token& stop) {
    // What is to be noticed the pool has told, which has connected before.
    const MigrationTarget target = target_of(config, log, stop);
    // Before the database is asked: whatever comes into the folder later is not this version's.
    auto migrations = load_migrations(config.migrations_dir);
    if (config.migrate) {
        apply(target, config);
        return {std::move(migrations), true};
    }
    const auto pending = pending_if_readable(target, config);
    if (!pending || pending->empty()) return {std::move(migrations), pending.has_value()};
    throw std::runtime_error(std::to_string(pending->size()) + " pending migration" +
                             (pending->size() == 1 ? "" : "s") + ", the first is " +
                             pending->front().file_name + ": run `" + config.program +
                             " migrate` first, or start with --migrate");
}

}  // namespace signalbox::db
