#include "signalbox/config/command_line_grammar.hpp"

#include <algorithm>
#include <utility>

#include "signalbox/config/units.hpp"
#include "signalbox/version.hpp"

namespace signalbox::config {
namespace {

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

void add(CLI::App& app, const Option& option) {
    const std::string flag{option.flag};
    const CLI::callback_t keep_text = [](const CLI::results_t&) { return true; };
    const bool is_switch = option.value_name.empty();
    CLI::Option* added = is_switch ? app.add_flag(flag) : app.add_option(flag, keep_text);
    added->description(description(option))->group(title(option.group));
    added->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
    if (!is_switch) added->type_name(std::string{option.value_name});
}

UsageError unexpected(std::string_view argument) {
    // A mistyped --database-url=postgresql://user:password@… must not be repeated.
    const std::string_view name = argument.substr(0, argument.find('='));
    if (!name.starts_with('-') && name.find_first_of(":@") != std::string_view::npos) {
        return {"unexpected argument (not shown, as it may hold a password)"};
    }
    return {"unexpected argument " + printable(name) + "; see signalbox --help"};
}

}  // namespace

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

Grammar::Grammar() : root_{"Signalbox, a REST service.", "signalbox"} {
    root_.set_version_flag("--version", "signalbox " + std::string{version} +
                                            (revision.empty() ? "" : " ") + std::string{revision});
    root_.require_subcommand(0, 1);
    root_.allow_extras();  // reported by unexpected(), which repeats no password
    root_.get_formatter()->column_width(36);
    serve_ = root_.add_subcommand("serve", "answer requests; what happens without a subcommand");
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

void Grammar::parse(std::vector<std::string> arguments) {
    std::ranges::reverse(arguments);  // as CLI11 wants them
    root_.parse(std::move(arguments));
    if (const auto rest = root_.remaining(true); !rest.empty()) throw unexpected(rest.front());
}

std::string Grammar::help() const {
    std::string text = root_.help();
    // CLI11 leaves two lines empty between groups.
    for (std::size_t at = 0; (at = text.find("\n\n\n", at)) != std::string::npos;) {
        text.erase(at, 1);
    }
    return text;
}

Command Grammar::command() const {
    if (*migrate_) return *status_ ? Command::migrate_status : Command::migrate;
    return *healthcheck_ ? Command::healthcheck : Command::serve;
}

std::string_view Grammar::command_name() const {
    if (*migrate_) return "migrate";
    return *healthcheck_ ? "healthcheck" : "serve";
}

std::optional<std::string> Grammar::value(const Option& option) const {
    const CLI::App* const apps[] = {serve_, migrate_, healthcheck_, &root_};
    for (const CLI::App* app : apps) {
        const CLI::Option* given = app->get_option_no_throw(std::string{option.flag});
        if (given != nullptr && given->count() > 0) return given->results().back();
    }
    return std::nullopt;
}

}  // namespace signalbox::config
