#include "signalbox/db/migrate_command.hpp"

#include <ostream>
#include <stdexcept>

#include "signalbox/db/migrations.hpp"

namespace signalbox::db {
namespace {

MigrationTarget target_of(const config::Config& config) {
    return {config.database_url, config.database_startup_timeout, config.program + " migrate"};
}

template <typename Work>
int run(const config::Config& config, std::ostream& errors, Work work) {
    try {
        work(target_of(config));
        return 0;
    } catch (const std::runtime_error& error) {
        errors << config.program << ": " << error.what() << '\n';
        return 1;
    }
}

}  // namespace

int run_migrate(const config::Config& config, std::ostream& output, std::ostream& errors) {
    return run(config, errors, [&](const MigrationTarget& target) {
        apply_migrations(target, config.migrations_dir,
                         [&](std::string_view line) { output << line << std::endl; });
    });
}

int run_migrate_status(const config::Config& config, std::ostream& output, std::ostream& errors) {
    return run(config, errors, [&](const MigrationTarget& target) {
        output << format_status(migration_status(target, config.migrations_dir));
    });
}

void prepare_schema(const config::Config& config, const MigrationReport& report) {
    const MigrationTarget target = target_of(config);
    if (config.migrate) {
        apply_migrations(target, config.migrations_dir, report);
        return;
    }
    const auto pending = pending_migrations(target, config.migrations_dir);
    if (pending.empty()) return;
    throw std::runtime_error(std::to_string(pending.size()) + " pending migration" +
                             (pending.size() == 1 ? "" : "s") + ", the first is " +
                             pending.front().file_name + ": run `" + config.program +
                             " migrate` first, or start with --migrate");
}

}  // namespace signalbox::db
