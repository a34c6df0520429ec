#include "signalbox/command_line/markdown.hpp"

#include <algorithm>
#include <string_view>
#include <utility>
#include <vector>

namespace signalbox::command_line {
namespace {

using config::Setting;

std::string code(std::string_view text) {
    return '`' + std::string{text} + '`';
}

/// Text for people, in which nothing is meant as a mark.
std::string escape(std::string_view text) {
    constexpr std::string_view marks = "*_`|<[\\";
    std::string escaped;
    for (const char c : text) {
        if (marks.find(c) != std::string_view::npos) escaped += '\\';
        escaped += c;
    }
    return escaped;
}

std::string variables_of(const Setting& setting) {
    std::string text;
    for (const auto& variable : setting.variables)
        text += (text.empty() ? "" : ", then ") + code(variable);
    if (!setting.file_variable.empty())
        text += ", or a file named by " + code(setting.file_variable);
    return text;
}

std::string row(const Setting& setting) {
    std::string text = "| " + code(setting.flag) + " | " + variables_of(setting) + " | ";
    text += setting.default_is_value ? code(setting.default_text) : escape(setting.default_text);
    text += " | " + escape(setting.help);
    if (!setting.explanation.empty()) text += ". " + setting.explanation;
    return text + " |\n";
}

}  // namespace

std::string to_markdown(const config::Settings& settings) {
    std::vector<std::pair<std::string_view, std::string>> tables;
    for (const Setting& setting : settings.all()) {
        const auto heading = config::heading_of(setting);
        auto table = std::ranges::find(tables, heading, [](const auto& t) { return t.first; });
        if (table == tables.end()) table = tables.insert(table, {heading, {}});
        table->second += row(setting);
    }
    std::string text;
    for (const auto& [heading, rows] : tables) {
        text += "## " + std::string{heading} + "\n\n";
        text += "| flag | environment | default | |\n|---|---|---|---|\n" + rows + '\n';
    }
    return text;
}

}  // namespace signalbox::command_line
