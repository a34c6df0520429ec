#include "signalbox/config/command_line.hpp"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "signalbox/config/command_line_grammar.hpp"
#include "signalbox/config/config_options.hpp"
#include "signalbox/config/config_validation.hpp"
#include "signalbox/config/database_url.hpp"

namespace signalbox::config {
namespace {

std::vector<std::string> split_arguments(int argc, const char* const* argv) {
    std::vector<std::string> arguments;
    for (int i = 1; i < argc; ++i) {
        std::string argument = argv[i];
        // CLI11 would take the next argument for the missing value of "--flag=".
        if (argument.starts_with("--") && argument.find('=') == argument.size() - 1) {
            argument.pop_back();
            arguments.push_back(std::move(argument));
            argument.clear();
        }
        arguments.push_back(std::move(argument));
    }
    return arguments;
}

/// An empty variable is as good as none.
const std::string* find_variable(const Environment& environment, std::string_view name) {
    const auto found = environment.find(name);
    return found == environment.end() || found->second.empty() ? nullptr : &found->second;
}

/// Puts one option's value into the config; gives back what a message should call the option.
std::string resolve(const Option& option, const Grammar& grammar, const Environment& environment,
                    Config& config) {
    const auto set = [&](std::string_view text, std::string_view name) {
        if (const auto invalid = option.set(config, text)) {
            throw UsageError{std::string{name} + ": " + invalid->reason};
        }
        return std::string{name};
    };
    const auto given = grammar.value(option);
    if (!takes(grammar.command(), option.group)) {
        if (given) {
            throw UsageError{std::string{option.flag} + ": is no flag of " +
                             std::string{grammar.command_name()}};
        }
    } else if (given) {
        if (given->starts_with("--"))
            throw UsageError{std::string{option.flag} + ": expected a value"};
        return set(*given, option.flag);
    } else {
        for (const std::string_view name : option.environment) {
            if (const auto* text = find_variable(environment, name)) return set(*text, name);
        }
    }
    if (!option.default_text.empty()) set(option.default_text, option.flag);
    return {};
}

void read_database_url_file(const Environment& environment, Config& config) {
    const std::string* file = find_variable(environment, "DATABASE_URL_FILE");
    if (file == nullptr) return;
    if (find_variable(environment, "DATABASE_URL") != nullptr) {
        throw UsageError{"DATABASE_URL_FILE: DATABASE_URL is set as well; one of them has to go"};
    }
    const auto url = read_database_url(*file);
    if (!url) throw UsageError{"DATABASE_URL_FILE: " + url.reason()};
    config.database_url = *url;
    config.database_url_file = *file;
}

CommandLine resolve_all(const Grammar& grammar, const Environment& environment,
                        const process::Machine& machine) {
    CommandLine result{grammar.command(), {}};
    OptionSources sources;
    for (const Option& option : config_options()) {
        if (std::string name = resolve(option, grammar, environment, result.config);
            !name.empty()) {
            sources.emplace(option.flag, std::move(name));
        }
    }
    if (takes(result.command, OptionGroup::database) && !sources.is_flag("--database-url")) {
        read_database_url_file(environment, result.config);
    }
    complete(result.config, sources, machine);
    if (result.command == Command::serve) {
        if (const auto invalid = check_together(result.config, sources, machine)) {
            throw UsageError{invalid->reason};
        }
    }
    return result;
}

/// One line, whatever the message holds.
EarlyExit usage_error(std::string line) {
    std::ranges::replace(line, '\n', ' ');
    return {2, "signalbox: " + line + '\n'};
}

}  // namespace

std::variant<CommandLine, EarlyExit> parse_command_line(int argc, const char* const* argv,
                                                        const Environment& environment,
                                                        const process::Machine& machine) {
    Grammar grammar;
    try {
        grammar.parse(split_arguments(argc, argv));
        return resolve_all(grammar, environment, machine);
    } catch (const UsageError& error) {
        return usage_error(error.line);
    } catch (const CLI::CallForVersion& version_text) {
        return EarlyExit{0, std::string{version_text.what()} + '\n'};
    } catch (const CLI::Success&) {
        return EarlyExit{0, grammar.help()};
    } catch (const CLI::ParseError& error) {
        return usage_error(error.what());
    }
}

Environment process_environment() {
    Environment environment;
    for (char** entry = ::environ; entry != nullptr && *entry != nullptr; ++entry) {
        const std::string_view text = *entry;
        const auto equals = text.find('=');
        if (equals == std::string_view::npos) continue;
        environment.emplace(text.substr(0, equals), text.substr(equals + 1));
    }
    return environment;
}

Config default_config() {
    const char* name = "signalbox";
    return std::get<CommandLine>(parse_command_line(1, &name, {})).config;
}

}  // namespace signalbox::config
