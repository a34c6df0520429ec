#include <iostream>
#include <variant>

#include "command_line.hpp"
#include "db/migrate_command.hpp"

int main(int argc, char** argv) {
    using namespace signalbox;
    const auto parsed = parse_command_line(argc, argv, process_environment());
    if (const auto* exit = std::get_if<EarlyExit>(&parsed)) {
        (exit->status == 0 ? std::cout : std::cerr) << exit->text;
        return exit->status;
    }
    const auto& [command, config] = std::get<CommandLine>(parsed);
    switch (command) {
        case Command::migrate:
            return db::run_migrate(config, std::cout, std::cerr);
        case Command::migrate_status:
            return db::run_migrate_status(config, std::cout, std::cerr);
        case Command::healthcheck:
        case Command::serve:
            break;
    }
}
