#pragma once

#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <initializer_list>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "signalbox/config/units.hpp"
#include "signalbox/parsed.hpp"

namespace signalbox::config {

/// Inclusive bounds of a number.
template <typename Number>
struct Range {
    Number lowest = std::numeric_limits<Number>::lowest();
    Number highest = std::numeric_limits<Number>::max();
};

template <typename Value>
using Choices = std::initializer_list<std::pair<std::string_view, Value>>;

/// One thing that can be set from outside: a flag, its environment variable, its default, where its
/// value goes. Settings makes it; the functions here change what is not as usual, and return the
/// setting, so that they can be chained.
struct Setting {
    /// Stores what the text says, or says why the text is no value.
    using Read = std::function<std::optional<Invalid>(std::string_view text)>;

    /// Another name of the variable, instead of the one made of the flag.
    Setting& variable(std::string name);
    /// A further variable, read when the first is not set.
    Setting& or_variable(std::string name);
    /// The value may also be in a file that a variable names: this one's name with _FILE behind it.
    /// White space around the value is ignored. `remember` is told the path once it was read.
    Setting& or_file(std::function<void(const std::string& path)> remember = {});
    /// When `holds` returns true, the value is a secret: it is worth a warning on a command line,
    /// or in a file that everybody may read.
    Setting& secret(std::function<bool(std::string_view text)> holds);
    /// What --help and documents say of a default that is computed after the command line was read:
    /// words, such as "the cores, at least 1".
    Setting& default_is(std::string words);
    /// What documents say after `help`: whole sentences, in Markdown.
    Setting& explain(std::string sentences);
    /// A name that goes on working for one version, with a warning.
    Setting& formerly(std::string flag, std::string variable);
    /// The same for a switch that said the opposite of this setting, which is on or off.
    Setting& formerly_the_opposite(std::string flag, std::string variable);

    struct FormerName {
        std::string flag;
        std::string variable;
        std::string now_flag;  ///< what the warning says instead
        std::string now_variable;
        bool stands_alone;  ///< a switch
        Read read;
    };

    std::string flag;                    ///< "--orders-page-size"
    std::vector<std::string> variables;  ///< {"ORDERS_PAGE_SIZE"}: the first one that is set counts
    std::string file_variable;           ///< empty: none
    std::function<void(const std::string&)> remember_file;
    std::function<bool(std::string_view)> holds_secret;  ///< empty: never
    std::vector<FormerName> former_names;
    std::string group;       ///< its heading in --help
    std::string value_name;  ///< "COUNT"; empty: a switch, which stands alone
    std::string default_text;
    bool default_is_value = true;  ///< could be typed as it is; otherwise words
    std::string help;
    std::string explanation;  ///< empty: `help` says all
    Read read;
};

/// Under which heading of --help it stands; "Application" when no group was named.
std::string_view heading_of(const Setting& setting);

/// The settings of a program, or of a part of it. What is added is bound to a variable of the
/// caller's, which holds the default until the command line is read, and has to live until then:
///
///     struct OrderSettings {
///         std::size_t page_size = 50;
///         std::chrono::milliseconds patience = 2s;
///         std::string api_key;
///     } orders;
///     config::Settings settings("Orders");
///     settings.add("--orders-page-size", orders.page_size, "rows of a page", {1, 1000});
///     settings.add("--orders-patience", orders.patience, "with the supplier", 1ms, 1min);
///     settings.add_secret("--orders-api-key", orders.api_key, "the supplier's");
///
/// The variable of --orders-page-size is ORDERS_PAGE_SIZE. A flag counts before its variable, the
/// variable before the default; when a flag is given twice, the last one counts; an empty variable
/// counts as unset. A value that makes no sense ends the start with one line that names the flag or
/// the variable, and status 2. `help` is a part of a sentence, without a full stop.
///
/// Only the command `serve` reads an application's settings. Flags and variables begin with a word
/// of the application's; those that begin with SIGNALBOX_ are the library's. Adding a malformed
/// name throws std::logic_error; so does the start when a name is there twice.
class Settings {
  public:
    Settings() = default;
    /// `group` is the heading in --help; variables are the flags in capitals, behind the prefix.
    explicit Settings(std::string group, std::string variable_prefix = {});

    /// The heading of what is added from now on.
    void begin_group(std::string title);

    /// Text that is not empty.
    Setting& add(std::string flag, std::string& target, std::string help);
    /// `on` or `off`.
    Setting& add(std::string flag, bool& target, std::string help);
    /// A duration with its unit: `250ms`, `1.5s`, `1m`, `1h`, or `0`.
    Setting& add(std::string flag, std::chrono::milliseconds& target, std::string help,
                 std::chrono::milliseconds lowest = std::chrono::milliseconds{0},
                 std::chrono::milliseconds highest = longest_duration);
    /// A decimal number: `0.25`, `-1`, `1e6`.
    Setting& add(std::string flag, double& target, std::string help, Range<double> range = {});
    // NOLINTBEGIN(performance-unnecessary-value-param): they move where the template is made
    /// A whole number.
    template <std::integral Number>
    requires(!std::same_as<Number, bool>) Setting& add(
        std::string flag, Number& target, std::string help,
        Range<std::type_identity_t<Number>> range = {}) {
        const auto store = [&target](auto value) { target = static_cast<Number>(value); };
        if constexpr (std::is_signed_v<Number>) {
            return add_integer(std::move(flag), target, {range.lowest, range.highest}, store,
                               std::move(help));
        } else {
            return add_count(std::move(flag), target, {range.lowest, range.highest}, store,
                             std::move(help));
        }
    }
    /// Bytes: `100`, `32KiB`, `1MiB`, `1MB`.
    Setting& add_size(std::string flag, std::size_t& target, std::string help,
                      std::size_t lowest = 0,
                      std::size_t highest = std::numeric_limits<std::size_t>::max());
    /// One of some names: `{{"fast", Mode::fast}, {"safe", Mode::safe}}`.
    template <std::equality_comparable Value>
    Setting& add_choice(std::string flag, Value& target,
                        Choices<std::type_identity_t<Value>> choices, std::string help) {
        std::vector<Value> values;
        std::vector<std::string> names;
        std::string default_name;
        for (const auto& [name, value] : choices) {
            if (value == target) default_name = name;
            values.push_back(value);
            names.emplace_back(name);
        }
        const auto store = [&target, values](std::size_t i) { target = values.at(i); };
        return add_name(std::move(flag), std::move(default_name), std::move(names), store,
                        std::move(help));
    }
    // NOLINTEND(performance-unnecessary-value-param)
    /// Text that neither a message nor --help shows; also from a file: ORDERS_API_KEY_FILE.
    Setting& add_secret(std::string flag, std::string& target, std::string help);
    /// A flag that stands alone, and says no as `--flag=off`; its variable is `on` or `off`.
    Setting& add_switch(std::string flag, bool& target, std::string help);
    /// Any other type; the reason of an Invalid follows the name of the flag or variable and ": ".
    // NOLINTBEGIN(performance-unnecessary-value-param): as above
    template <typename Value, std::invocable<std::string_view> Parse>
    Setting& add_parsed(std::string flag, std::string value_name, Value& target, Parse parse,
                        std::string default_text, std::string help) {
        return add_read(
            std::move(flag), std::move(value_name), std::move(default_text),
            [&target, parse](std::string_view text) -> std::optional<Invalid> {
                const Parsed<Value> value = parse(text);
                if (!value) return Invalid{value.reason()};
                target = *value;
                return std::nullopt;
            },
            std::move(help));
    }
    // NOLINTEND(performance-unnecessary-value-param)

    /// In the order they were added in.
    const std::deque<Setting>& all() const { return settings_; }

  private:
    Setting& add_read(std::string flag, std::string value_name, std::string default_text,
                      Setting::Read read, std::string help);
    Setting& add_integer(std::string flag, std::int64_t default_value, Range<std::int64_t> range,
                         std::function<void(std::int64_t)> store, std::string help);
    Setting& add_count(std::string flag, std::uint64_t default_value, Range<std::uint64_t> range,
                       std::function<void(std::uint64_t)> store, std::string help);
    Setting& add_name(std::string flag, std::string default_name, std::vector<std::string> names,
                      std::function<void(std::size_t)> store, std::string help);

    std::string group_;
    std::string variable_prefix_;
    std::deque<Setting> settings_;  ///< whose elements stay where they are
};

/// What a program says of itself, and what can be set beside what the library has.
struct Program {
    std::string name;     ///< of the command: in usage and --version, and before each error
    std::string version;  ///< printed behind the name
    std::string description;
    Settings settings;
};

/// Throws std::logic_error when a flag or a variable of the application is there twice, is also the
/// library's, or begins as those that the library keeps for itself.
void refuse_collisions(const Settings& library, const Settings& application);

}  // namespace signalbox::config
