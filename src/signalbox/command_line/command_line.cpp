#include "signalbox/command_line/command_line.hpp"

#include <CLI/CLI.hpp>

#include <algorithm>
#include <deque>
#include <functional>
#include <iterator>
#include <memory>
#include <utility>

#include "signalbox/command_line/defaults.hpp"
#include "signalbox/command_line/markdown.hpp"
#include "signalbox/command_line/server_settings.hpp"
#include "signalbox/config/database_url.hpp"
#include "signalbox/config/secret_file.hpp"
#include "signalbox/process/open_to_all.hpp"

namespace signalbox::command_line {
namespace {

using config::Setting;

/// As CLI::CallForHelp.
struct CallForMarkdown {};

/// Bad usage: ends the parse. The text is the line behind the program's name.
struct UsageError {
    std::string line;
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

/// As `echo` and editors end what becomes a secret or a file of variables.
std::string without_newline(std::string text) {
    if (text.ends_with('\n')) text.pop_back();
    if (text.ends_with('\r')) text.pop_back();
    return text;
}

/// An empty variable is as good as none.
const std::string* find_variable(const Environment& environment, std::string_view name) {
    const auto found = environment.find(name);
    return found == environment.end() || without_newline(found->second).empty() ? nullptr
                                                                                : &found->second;
}

/// A command lists the flags of the whole program that it takes as if they were its own.
class HelpFormatter : public CLI::Formatter {
  public:
    using Takes = std::function<bool(const std::string& command, const CLI::Option*)>;
    explicit HelpFormatter(Takes takes) : takes_(std::move(takes)) { column_width(36); }

    std::string make_help(const CLI::App* app, std::string name,
                          CLI::AppFormatMode mode) const override {
        const bool is_root = app->get_parent() == nullptr;
        return app->get_description() + "\nUsage: " + name + " [OPTIONS]" +
               (is_root ? " [SUBCOMMAND]\n" : "\n") + options_of(app) + make_subcommands(app, mode);
    }

  private:
    std::string options_of(const CLI::App* app) const {
        const CLI::App* root = app->get_parent() == nullptr ? app : app->get_parent();
        std::string text;
        for (const std::string& group : root->get_groups()) {
            if (group.empty()) continue;  // hidden
            const auto in_group = [&](const CLI::Option* o) { return o->get_group() == group; };
            auto options = root->get_options([&](const CLI::Option* option) {
                return in_group(option) && (app == root || takes_(app->get_name(), option));
            });
            if (app != root) {
                std::ranges::copy(app->get_options(in_group), std::back_inserter(options));
            }
            if (!options.empty()) text += make_group(group, false, options);
        }
        return text;
    }

    Takes takes_;
};

std::string description(const Setting& setting) {
    std::string text = setting.help + "\n[";
    for (const auto& variable : setting.variables)
        text += variable + ", ";
    if (!setting.file_variable.empty()) text += setting.file_variable + ", ";
    return text + "default " + setting.default_text + "]";
}

/// One command line. CLI11 takes it apart, knows commands and flags and writes the help; it reads
/// numbers, units and the environment differently from version to version (2.4 passes over a bad
/// variable in silence), so each value, from wherever, goes through the setting's own `read`.
class Parser {
  public:
    Parser(const config::Program& program, const Environment& environment,
           const process::Machine& machine)
        : program_(program),
          environment_(environment),
          machine_(machine),
          library_(server_settings(result_.config)),
          root_(program.description, program.name) {
        config::refuse_collisions(library_, program.settings);
        result_.config.program = program.name;
        root_.require_subcommand(0, 1);
        root_.allow_extras();  // reported by unexpected(), which repeats no password
        root_.formatter(std::make_shared<HelpFormatter>(
            [this](const std::string& command, const CLI::Option* option) {
                return takes(command, option);
            }));
        root_.set_help_flag();  // these two as flags that come before the others' mistakes
        root_.add_flag_callback(
            "-h,--help", [] { throw CLI::CallForHelp(); }, "print this help and end");
        root_.add_flag_callback(
            "--help-markdown", [] { throw CallForMarkdown{}; },
            "print all settings as tables in Markdown and end");
        root_.add_flag_callback(
            "--version", [this] { throw CLI::CallForVersion(version(), 0); },
            "print the version and end");
        add_command("serve", "answer requests; what happens without a subcommand");
        auto* migrate = add_command("migrate", "apply pending migrations and end");
        status_ = migrate->add_flag("--status");
        status_->description("list applied and pending migrations instead");
        add_command("healthcheck",
                    "ask the running server whether it is ready; status 0 when it is");
        for (const Setting& setting : library_.all())
            add(setting, true);
        for (const Setting& setting : program.settings.all())
            add(setting, false);
    }

    /// Throws CLI::Success for --help and --version, CLI::ParseError or UsageError for bad usage.
    CommandLine parse(std::vector<std::string> arguments) {
        std::ranges::reverse(arguments);  // as CLI11 wants them
        root_.parse(std::move(arguments));
        if (const auto rest = root_.remaining(true); !rest.empty()) unexpected(rest.front());

        const std::string name = command_name();
        for (const Flag& flag : flags_) {
            if (flag.option->count() > 0 && !takes(name, flag.option)) {
                throw UsageError{flag.name + ": is no flag of " + name};
            }
        }
        for (const Flag& flag : flags_) {
            if (flag.former == nullptr && takes(name, flag.option) &&
                !sources_.is_set(flag.setting->flag)) {
                read_environment(flag);
            }
        }
        complete(result_.config, sources_, machine_);
        result_.command = command();
        if (result_.command != Command::healthcheck) {
            warn_of_plain_text("--database-url", result_.config.database_url);
            const auto& listen_url = result_.config.database_listen_url;
            if (!listen_url.empty()) warn_of_plain_text("--database-listen-url", listen_url);
        }
        if (result_.command == Command::serve) {
            if (const auto invalid = check_together(result_.config, sources_, machine_)) {
                throw UsageError{invalid->reason};
            }
        }
        return std::move(result_);
    }

    std::string help() const { return root_.help(); }

    std::string markdown() const { return to_markdown(library_) + to_markdown(program_.settings); }

    /// Also when the parse ended before it was read.
    config::LogFormat log_format(const std::vector<std::string>& arguments) const {
        constexpr std::string_view flag = "--log-format";
        auto format =
            machine_.stdout_is_terminal ? config::LogFormat::text : config::LogFormat::json;
        const auto take = [&format](std::string_view text) {
            if (text == "json") format = config::LogFormat::json;
            if (text == "text") format = config::LogFormat::text;
        };
        for (const Setting& setting : library_.all()) {
            if (setting.flag != flag) continue;
            for (const auto& variable : setting.variables) {
                if (const auto* text = find_variable(environment_, variable)) take(*text);
            }
        }
        for (std::size_t i = 0; i < arguments.size(); ++i) {
            const std::string_view argument = arguments[i];
            if (argument == flag && i + 1 < arguments.size()) take(arguments[i + 1]);
            if (argument.starts_with(flag) && argument.substr(flag.size()).starts_with('='))
                take(argument.substr(flag.size() + 1));
        }
        return format;
    }

  private:
    /// A name of a setting. Its former ones are flags of their own, which --help does not list.
    struct Flag {
        std::string name;
        const Setting* setting;
        const Setting::FormerName* former;  ///< null for the setting's own
        bool of_library;
        CLI::Option* option;
    };

    std::string version() const { return program_.name + ' ' + program_.version; }

    CLI::App* add_command(const std::string& name, const std::string& help) {
        return root_.add_subcommand(name, help)->fallthrough();
    }

    void add(const Setting& setting, bool of_library) {
        for (const auto& former : setting.former_names) {
            add_flag({former.flag, &setting, &former, of_library, nullptr}, former.stands_alone)
                ->group("");
        }
        const bool stands_alone = setting.value_name.empty();
        add_flag({setting.flag, &setting, nullptr, of_library, nullptr}, stands_alone)
            ->type_name(setting.value_name)
            ->description(description(setting))
            ->group(std::string{config::heading_of(setting)});
    }

    CLI::Option* add_flag(Flag flag, bool stands_alone) {
        Flag& added = flags_.emplace_back(std::move(flag));
        added.option = root_.add_option(added.name, [this, &added](const CLI::results_t& texts) {
            read(added, texts.front());
            return true;
        });
        if (stands_alone) added.option->expected(0);
        return added.option->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
    }

    bool takes(const std::string& command, const CLI::Option* option) const {
        const auto flag = std::ranges::find(flags_, option, &Flag::option);
        if (command == "serve" || flag == flags_.end()) return true;
        if (!flag->of_library) return false;
        const std::string& group = flag->setting->group;
        if (command == "healthcheck") return group == admin_group || group == log_group;
        return group == database_group || group == migrations_group || group == log_group;
    }

    std::string command_name() const {
        const auto parsed = root_.get_subcommands();
        return parsed.empty() ? "serve" : parsed.front()->get_name();
    }

    Command command() const {
        const std::string name = command_name();
        if (name == "healthcheck") return Command::healthcheck;
        if (name == "serve") return Command::serve;
        return status_->count() > 0 ? Command::migrate_status : Command::migrate;
    }

    /// CLI11 calls this for a flag that was given, and for one that a variable is fed to.
    void read(const Flag& flag, const std::string& given) {
        const std::string text = without_newline(given);
        const bool typed = variable_.empty();
        const std::string& name = typed ? flag.name : variable_;
        if (typed && text.starts_with("--")) throw CLI::ValidationError(name, "expected a value");
        const auto& read = flag.former != nullptr ? flag.former->read : flag.setting->read;
        if (const auto invalid = read(text)) throw CLI::ValidationError(name, invalid->reason);
        sources_.set(flag.setting->flag, name);
        if (typed && holds_secret(*flag.setting, text)) {
            result_.warnings.push_back(name +
                                       ": everybody on this machine can read a secret on a command "
                                       "line: say it in " +
                                       flag.setting->variables.front() + ", or in a file that " +
                                       flag.setting->file_variable + " names");
        }
        if (flag.former == nullptr) return;
        result_.warnings.push_back(name + " has become " +
                                   (typed ? flag.former->now_flag : flag.former->now_variable) +
                                   " and goes away in the next version");
    }

    /// For a flag that was not given, under none of its names.
    void read_environment(const Flag& own) {
        const Setting& setting = *own.setting;
        const auto* file = find_variable(environment_, setting.file_variable);
        for (const auto& variable : setting.variables) {
            const auto* text = find_variable(environment_, variable);
            if (text == nullptr) continue;
            if (file != nullptr) {
                throw UsageError{setting.file_variable + ": " + variable +
                                 " is set as well; one of them has to go"};
            }
            return feed(own, variable, *text);
        }
        if (file != nullptr) {
            const auto content = config::read_secret(*file);
            if (!content) throw UsageError{setting.file_variable + ": " + content.reason()};
            feed(own, setting.file_variable, *content);
            if (setting.remember_file) setting.remember_file(*file);
            if (holds_secret(setting, *content) && process::is_open_to_all(*file)) {
                result_.warnings.push_back(setting.file_variable +
                                           ": everybody on this machine can read the secret in " +
                                           *file + ": chmod 0400 it");
            }
            return;
        }
        for (const Flag& flag : flags_) {
            if (flag.setting != own.setting || flag.former == nullptr) continue;
            if (const auto* text = find_variable(environment_, flag.former->variable)) {
                return feed(flag, flag.former->variable, *text);
            }
        }
    }

    void warn_of_plain_text(std::string_view flag, const std::string& url) {
        const auto server = config::unencrypted_server(url);
        if (!server) return;
        result_.warnings.push_back(
            sources_.name(flag) + ": what is said to " + *server +
            " may go over the network unencrypted, the password too: sslmode=verify-full, or at "
            "least require, forbids it");
    }

    static bool holds_secret(const Setting& setting, std::string_view text) {
        return setting.holds_secret && setting.holds_secret(text);
    }

    void feed(const Flag& flag, const std::string& variable, const std::string& text) {
        variable_ = variable;
        flag.option->add_result(text);
        flag.option->run_callback();
        variable_.clear();
    }

    [[noreturn]] void unexpected(std::string_view argument) const {
        // A mistyped --database-url=postgresql://user:password@… must not be repeated.
        const std::string_view name = argument.substr(0, argument.find('='));
        if (!name.starts_with('-') && name.find_first_of(":@") != std::string_view::npos) {
            throw UsageError{"unexpected argument (not shown, as it may hold a password)"};
        }
        throw UsageError{"unexpected argument " + config::printable(name) + "; see " +
                         program_.name + " --help"};
    }

    const config::Program& program_;
    const Environment& environment_;
    const process::Machine& machine_;
    CommandLine result_;
    const config::Settings library_;  ///< bound to result_.config
    Sources sources_;
    std::deque<Flag> flags_;  ///< former names before the own, so that the own counts
    std::string variable_;    ///< while a variable is read; empty while CLI11 reads flags
    CLI::App root_;
    CLI::Option* status_ = nullptr;
};

/// One line, whatever the message holds.
EarlyExit usage_error(const config::Program& program, std::string line,
                      config::LogFormat log_format) {
    std::ranges::replace(line, '\n', ' ');
    return {2, program.name + ": " + line + '\n', log_format};
}

}  // namespace

std::variant<CommandLine, EarlyExit> parse(const config::Program& program, int argc,
                                           const char* const* argv, const Environment& environment,
                                           const process::Machine& machine) {
    Parser parser(program, environment, machine);
    const auto arguments = split_arguments(argc, argv);
    try {
        return parser.parse(arguments);
    } catch (const UsageError& error) {
        return usage_error(program, error.line, parser.log_format(arguments));
    } catch (const CLI::CallForVersion& version_text) {
        return EarlyExit{0, std::string{version_text.what()} + '\n', parser.log_format(arguments)};
    } catch (const CallForMarkdown&) {
        return EarlyExit{0, parser.markdown(), parser.log_format(arguments)};
    } catch (const CLI::Success&) {
        return EarlyExit{0, parser.help(), parser.log_format(arguments)};
    } catch (const CLI::ParseError& error) {
        return usage_error(program, error.what(), parser.log_format(arguments));
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

}  // namespace signalbox::command_line
