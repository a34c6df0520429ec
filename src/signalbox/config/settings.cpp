#include "signalbox/config/settings.hpp"

#include <algorithm>
#include <map>
#include <stdexcept>

namespace signalbox::config {
namespace {

constexpr std::string_view lower = "abcdefghijklmnopqrstuvwxyz";
constexpr std::string_view upper = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
constexpr std::string_view digits = "0123456789";

bool has(std::string_view text, char c) {
    return text.find(c) != std::string_view::npos;
}

bool consists_of(std::string_view text, std::initializer_list<std::string_view> alphabets) {
    return std::ranges::all_of(text, [&](char c) {
        return std::ranges::any_of(alphabets, [c](auto set) { return has(set, c); });
    });
}

void check_flag(const std::string& flag) {
    const bool sound = flag.size() > 2 && flag.starts_with("--") && has(lower, flag[2]) &&
                       flag.back() != '-' && consists_of(flag.substr(2), {lower, digits, "-"});
    if (!sound) {
        throw std::logic_error{"a setting's flag has the form --page-size, not " + printable(flag)};
    }
}

void check_variable(const std::string& variable) {
    if (variable.empty() || !has(upper, variable[0]) ||
        !consists_of(variable, {upper, digits, "_"})) {
        throw std::logic_error{"a setting's variable has the form PAGE_SIZE, not " +
                               printable(variable)};
    }
}

std::string variable_of(std::string_view flag, const std::string& prefix) {
    std::string name{flag.substr(2)};
    std::ranges::transform(name, name.begin(), [](char c) {
        return c == '-' ? '_' : has(lower, c) ? upper[lower.find(c)] : c;
    });
    return prefix + name;
}

Parsed<bool> parse_on_or_off(std::string_view text) {
    if (text == "on" || text == "true" || text == "1") return true;
    if (text == "off" || text == "false" || text == "0") return false;
    return Invalid{printable(text) + ": expected on, off, true, false, 1 or 0"};
}

std::string on_or_off(bool on) {
    return on ? "on" : "off";
}

std::optional<Invalid> check_text(std::string_view text) {
    if (text.empty()) return Invalid{"expected a value, got none"};
    if (has(text, '\0')) return Invalid{"holds a NUL byte"};
    return std::nullopt;
}

Setting::Read read_text(std::string& target) {
    return [&target](std::string_view text) {
        auto invalid = check_text(text);
        if (!invalid) target = text;
        return invalid;
    };
}

Setting::Read read_bool(bool& target) {
    return [&target](std::string_view text) -> std::optional<Invalid> {
        const auto value = parse_on_or_off(text);
        if (!value) return Invalid{value.reason()};
        target = *value;
        return std::nullopt;
    };
}

/// The flags that every program has without a setting.
constexpr std::string_view built_in[] = {"--help", "--help-markdown", "--version", "--status"};
constexpr std::string_view library_prefix = "SIGNALBOX_";

std::vector<std::string> names_of(const Setting& setting) {
    std::vector<std::string> names{setting.flag};
    names.insert(names.end(), setting.variables.begin(), setting.variables.end());
    if (!setting.file_variable.empty()) names.push_back(setting.file_variable);
    for (const auto& former : setting.former_names) {
        names.push_back(former.flag);
        names.push_back(former.variable);
    }
    return names;
}

}  // namespace

Setting& Setting::variable(std::string name) {
    check_variable(name);
    variables.front() = std::move(name);
    return *this;
}

Setting& Setting::or_variable(std::string name) {
    check_variable(name);
    variables.push_back(std::move(name));
    return *this;
}

Setting& Setting::or_file(std::function<void(const std::string& path)> remember) {
    file_variable = variables.front() + "_FILE";
    remember_file = std::move(remember);
    return *this;
}

Setting& Setting::secret(std::function<bool(std::string_view text)> holds) {
    holds_secret = std::move(holds);
    return *this;
}

Setting& Setting::default_is(std::string words) {
    default_text = std::move(words);
    default_is_value = false;
    return *this;
}

Setting& Setting::explain(std::string sentences) {
    explanation = std::move(sentences);
    return *this;
}

Setting& Setting::formerly(std::string former_flag, std::string former_variable) {
    former_names.push_back({std::move(former_flag), std::move(former_variable), flag,
                            variables.front(), value_name.empty(), read});
    return *this;
}

Setting& Setting::formerly_the_opposite(std::string former_flag, std::string former_variable) {
    Read read_opposite = [set = read](std::string_view text) -> std::optional<Invalid> {
        const auto value = parse_on_or_off(text);
        return value ? set(on_or_off(!*value)) : std::optional{Invalid{value.reason()}};
    };
    former_names.push_back({std::move(former_flag), std::move(former_variable), flag + " on or off",
                            variables.front() + "=on or off", true, std::move(read_opposite)});
    return *this;
}

std::string_view heading_of(const Setting& setting) {
    return setting.group.empty() ? std::string_view{"Application"} : setting.group;
}

Settings::Settings(std::string group, std::string variable_prefix)
    : group_(std::move(group)), variable_prefix_(std::move(variable_prefix)) {}

void Settings::begin_group(std::string title) {
    group_ = std::move(title);
}

Setting& Settings::add_read(std::string flag, std::string value_name, std::string default_text,
                            Setting::Read read, std::string help) {
    check_flag(flag);
    Setting& setting = settings_.emplace_back();
    setting.variables = {variable_of(flag, variable_prefix_)};
    setting.flag = std::move(flag);
    setting.group = group_;
    setting.value_name = std::move(value_name);
    setting.default_text = default_text.empty() ? "none" : std::move(default_text);
    setting.default_is_value = setting.default_text != "none";
    setting.help = std::move(help);
    setting.read = std::move(read);
    return setting;
}

Setting& Settings::add(std::string flag, std::string& target, std::string help) {
    return add_read(std::move(flag), "TEXT", target, read_text(target), std::move(help));
}

Setting& Settings::add(std::string flag, bool& target, std::string help) {
    return add_read(std::move(flag), "on|off", on_or_off(target), read_bool(target),
                    std::move(help));
}

Setting& Settings::add_switch(std::string flag, bool& target, std::string help) {
    return add_read(std::move(flag), "", on_or_off(target), read_bool(target), std::move(help));
}

Setting& Settings::add(std::string flag, std::chrono::milliseconds& target, std::string help,
                       std::chrono::milliseconds lowest, std::chrono::milliseconds highest) {
    auto read = [&target, lowest, highest](std::string_view text) -> std::optional<Invalid> {
        const auto value = parse_duration(text);
        if (!value) return Invalid{value.reason()};
        if (*value < lowest) {
            return Invalid{printable(text) + ": expected at least " + format_duration(lowest)};
        }
        if (*value > highest) {
            return Invalid{printable(text) + ": expected at most " + format_duration(highest)};
        }
        target = *value;
        return std::nullopt;
    };
    return add_read(std::move(flag), "DURATION", format_duration(target), read, std::move(help));
}

Setting& Settings::add(std::string flag, double& target, std::string help, Range<double> range) {
    auto read = [&target, range](std::string_view text) -> std::optional<Invalid> {
        const auto value = parse_real(text, range.lowest, range.highest);
        if (!value) return Invalid{value.reason()};
        target = *value;
        return std::nullopt;
    };
    return add_read(std::move(flag), "NUMBER", format_real(target), read, std::move(help));
}

Setting& Settings::add_size(std::string flag, std::size_t& target, std::string help,
                            std::size_t lowest, std::size_t highest) {
    auto read = [&target, lowest, highest](std::string_view text) -> std::optional<Invalid> {
        const auto value = parse_size(text);
        if (!value) return Invalid{value.reason()};
        if (*value < lowest || *value > highest) {
            return Invalid{printable(text) + ": expected " + format_size(lowest) + " to " +
                           format_size(highest)};
        }
        target = *value;
        return std::nullopt;
    };
    return add_read(std::move(flag), "SIZE", format_size(target), read, std::move(help));
}

Setting& Settings::add_secret(std::string flag, std::string& target, std::string help) {
    return add_read(std::move(flag), "SECRET", "", read_text(target), std::move(help))
        .default_is(target.empty() ? "none" : "not shown")
        .secret([](std::string_view) { return true; })
        .or_file();
}

Setting& Settings::add_integer(std::string flag, std::int64_t default_value,
                               Range<std::int64_t> range, std::function<void(std::int64_t)> store,
                               std::string help) {
    auto read = [range, store = std::move(store)](std::string_view text) -> std::optional<Invalid> {
        const auto value = parse_integer(text, range.lowest, range.highest);
        if (!value) return Invalid{value.reason()};
        store(*value);
        return std::nullopt;
    };
    return add_read(std::move(flag), "NUMBER", std::to_string(default_value), std::move(read),
                    std::move(help));
}

Setting& Settings::add_count(std::string flag, std::uint64_t default_value,
                             Range<std::uint64_t> range, std::function<void(std::uint64_t)> store,
                             std::string help) {
    auto read = [range, store = std::move(store)](std::string_view text) -> std::optional<Invalid> {
        const auto value = parse_number(text, range.lowest, range.highest);
        if (!value) return Invalid{value.reason()};
        store(*value);
        return std::nullopt;
    };
    return add_read(std::move(flag), "COUNT", std::to_string(default_value), std::move(read),
                    std::move(help));
}

Setting& Settings::add_name(std::string flag, std::string default_name,
                            std::vector<std::string> names, std::function<void(std::size_t)> store,
                            std::string help) {
    std::string value_name;
    for (const auto& name : names)
        value_name += (value_name.empty() ? "" : "|") + name;
    auto read = [names = std::move(names),
                 store = std::move(store)](std::string_view text) -> std::optional<Invalid> {
        std::string known;
        for (std::size_t i = 0; i < names.size(); ++i) {
            if (names[i] == text) {
                store(i);
                return std::nullopt;
            }
            known += (known.empty() ? "" : ", ") + names[i];
        }
        return Invalid{printable(text) + ": expected one of " + known};
    };
    return add_read(std::move(flag), std::move(value_name), std::move(default_name),
                    std::move(read), std::move(help));
}

void refuse_collisions(const Settings& library, const Settings& application) {
    std::map<std::string, std::string, std::less<>> taken;
    for (const auto flag : built_in)
        taken.emplace(flag, "is there in every program");
    for (const Setting& setting : library.all()) {
        for (auto& name : names_of(setting))
            taken.emplace(std::move(name), "is the library's, of " + setting.flag);
    }
    for (const Setting& setting : application.all()) {
        for (auto& name : names_of(setting)) {
            const std::string problem = "the application's setting " + setting.flag + ": " + name;
            if (name.starts_with(library_prefix)) {
                throw std::logic_error{problem + " begins with " + std::string{library_prefix} +
                                       ", as the library's own do"};
            }
            const auto [at, added] =
                taken.emplace(std::move(name), "is the application's already, of " + setting.flag);
            if (!added) throw std::logic_error{problem + ' ' + at->second};
        }
    }
}

}  // namespace signalbox::config
