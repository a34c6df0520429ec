#include "command_line.hpp"

#include <CLI/CLI.hpp>
#include <unistd.h>

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "config_options.hpp"
#include "config_validation.hpp"
#include "cpu_count.hpp"
#include "database_url.hpp"
#include "file_limit.hpp"
#include "units.hpp"
#include "version.hpp"

namespace signalbox {
namespace {

/// Ends the parse; its text is the line after "signalbox: ".
struct UsageError {
    std::string line;
};

bool takes(Command command, OptionGroup group) {
    switch (command) {
        case Command::serve:
            return true;
        case Command::migrate:
        case Command::migrate_status:
            return group == OptionGroup::database || group == OptionGroup::migrations ||
                   group == OptionGroup::log;
        case Command::healthcheck:
            return group == OptionGroup::admin;
    }
    return false;
}

std::string title(OptionGroup group) {
    switch (group) {
        case OptionGroup::listening:
            return "Listening";
        case OptionGroup::admin:
            return "Admin listener";
        case OptionGroup::database:
            return "Database";
        case OptionGroup::migrations:
            return "Migrations";
        case OptionGroup::time_limits:
            return "Time limits";
        case OptionGroup::limits:
            return "Limits";
        case OptionGroup::log:
            return "Log";
    }
    return {};
}

std::string description(const Option& option) {
    std::string text{option.help};
    text += "\n[";
    for (const std::string_view name : option.environment)
        text += std::string{name} + ", ";
    text += "default " +
            (option.default_text.empty() ? "see above" : std::string{option.default_text}) + "]";
    return text;
}

/// What CLI11 is used for: to take the command line apart and to write the help. Values stay text
/// until the table in config_options.cpp reads them, as environment variables and defaults do.
class Grammar {
  public:
    Grammar() : root_{"Signalbox, a REST service.", "signalbox"} {
        root_.set_version_flag("--version", "signalbox " + std::string{version} +
                                                (revision.empty() ? "" : " ") +
                                                std::string{revision});
        root_.require_subcommand(0, 1);
        root_.allow_extras();  // reported by unexpected(), which repeats no password
        root_.get_formatter()->column_width(36);
        serve_ =
            root_.add_subcommand("serve", "answer requests; what happens without a subcommand");
        migrate_ = root_.add_subcommand("migrate", "apply pending migrations and end");
        status_ = migrate_->add_flag("--status");
        status_->description("list applied and pending migrations instead");
        healthcheck_ = root_.add_subcommand(
            "healthcheck", "ask the running server whether it is ready; status 0 when it is");
        for (const Option& option : config_options()) {
            add(root_, option);
            add(*serve_, option);
            if (takes(Command::migrate, option.group)) add(*migrate_, option);
            if (takes(Command::healthcheck, option.group)) add(*healthcheck_, option);
        }
    }

    /// Throws CLI::Success for --help and --version, CLI::ParseError or UsageError for bad usage.
    void parse(std::vector<std::string> arguments) {
        std::ranges::reverse(arguments);  // as CLI11 wants them
        root_.parse(std::move(arguments));
        if (const auto rest = root_.remaining(true); !rest.empty()) throw unexpected(rest.front());
    }

    std::string help() const {
        std::string text = root_.help();
        // CLI11 leaves two lines empty between groups.
        for (std::size_t at = 0; (at = text.find("\n\n\n", at)) != std::string::npos;) {
            text.erase(at, 1);
        }
        return text;
    }

    Command command() const {
        if (*migrate_) return *status_ ? Command::migrate_status : Command::migrate;
        return *healthcheck_ ? Command::healthcheck : Command::serve;
    }

    std::string_view command_name() const {
        if (*migrate_) return "migrate";
        return *healthcheck_ ? "healthcheck" : "serve";
    }

    /// The text given for a flag, before the subcommand or after it (which counts more).
    std::optional<std::string> value(const Option& option) const {
        for (const CLI::App* app :
             {static_cast<const CLI::App*>(serve_), static_cast<const CLI::App*>(migrate_),
              static_cast<const CLI::App*>(healthcheck_), &root_}) {
            const CLI::Option* given = app->get_option_no_throw(std::string{option.flag});
            if (given != nullptr && given->count() > 0) return given->results().back();
        }
        return std::nullopt;
    }

  private:
    static void add(CLI::App& app, const Option& option) {
        const std::string flag{option.flag};
        const auto keep_text = [](const CLI::results_t&) { return true; };
        CLI::Option* added =
            option.value_name.empty() ? app.add_flag(flag) : app.add_option(flag, keep_text);
        added->description(description(option))->group(title(option.group));
        added->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
        if (!option.value_name.empty()) added->type_name(std::string{option.value_name});
    }

    static UsageError unexpected(std::string_view argument) {
        // A mistyped --database-url=postgresql://user:password@… must not be repeated.
        const std::string_view name = argument.substr(0, argument.find('='));
        if (!name.starts_with('-') && name.find_first_of(":@") != std::string_view::npos) {
            return {"unexpected argument (not shown, as it may hold a password)"};
        }
        return {"unexpected argument " + printable(name) + "; see signalbox --help"};
    }

    CLI::App root_;
    CLI::App* serve_;
    CLI::App* migrate_;
    CLI::Option* status_;
    CLI::App* healthcheck_;
};

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
                        const Machine& machine) {
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
                                                        const Machine& machine) {
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

Machine this_machine() {
    std::error_code ignored;  // an empty folder then, and a message that names the migrations
    const auto binary = std::filesystem::read_symlink("/proc/self/exe", ignored);
    return {cpu_count(), file_limit(), ::isatty(STDOUT_FILENO) == 1,
            find_migrations(binary.parent_path())};
}

std::filesystem::path find_migrations(const std::filesystem::path& binary_folder) {
    const auto installed = binary_folder.parent_path() / "share/signalbox/migrations";
    const auto in_source = binary_folder.parent_path().parent_path() / "migrations";
    std::error_code ignored;
    if (std::filesystem::is_directory(installed, ignored)) return installed;
    return std::filesystem::is_directory(in_source, ignored) ? in_source : installed;
}

Config default_config() {
    const char* name = "signalbox";
    return std::get<CommandLine>(parse_command_line(1, &name, {})).config;
}

}  // namespace signalbox
