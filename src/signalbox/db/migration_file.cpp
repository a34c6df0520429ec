#include "signalbox/db/migration_file.hpp"

#include <algorithm>
#include <map>
#include <stdexcept>
#include <system_error>
#include <utility>

#include "signalbox/db/detail/sql_text.hpp"

namespace signalbox::db {
namespace {

constexpr std::string_view blanks = " \t\r\f";
constexpr std::string_view byte_order_mark = "\xef\xbb\xbf";

std::string_view without_leading_blanks(std::string_view text) {
    return text.substr(std::min(text.find_first_not_of(blanks), text.size()));
}

/// What follows the marker on its line; nothing when the line is no such marker.
std::optional<std::string_view> after_marker(std::string_view line, std::string_view marker) {
    if (!line.starts_with("--")) return std::nullopt;
    line = without_leading_blanks(line.substr(2));
    if (!line.starts_with(marker)) return std::nullopt;
    line.remove_prefix(marker.size());
    if (!line.empty() && blanks.find(line.front()) == std::string_view::npos) return std::nullopt;
    return line;
}

/// The last word that says something of it counts.
bool in_transaction(std::string_view options) {
    bool result = true;
    while (!(options = without_leading_blanks(options)).empty()) {
        const std::string_view option = options.substr(0, options.find_first_of(blanks));
        const auto colon = option.find(':');
        if (option.substr(0, colon) == "transaction" && colon == option.rfind(':') &&
            colon != std::string_view::npos)
            result = option.substr(colon + 1) != "false";
        options.remove_prefix(option.size());
    }
    return result;
}

bool is_blank_or_comment(std::string_view line) {
    line = without_leading_blanks(line);
    return line.empty() || line.starts_with("--");
}

/// What libpq and PostgreSQL would read otherwise than the author does.
std::optional<Invalid> refuse_bytes(std::string_view content) {
    if (content.starts_with("\xff\xfe") || content.starts_with("\xfe\xff"))
        return Invalid{"is UTF-16: save it as UTF-8"};
    const auto nul = content.find('\0');
    if (nul == std::string_view::npos) return std::nullopt;
    const auto [line, column] = locate(content, nul, 1);
    return Invalid{"line " + std::to_string(line) + ", column " + std::to_string(column) +
                   ": a NUL byte, where PostgreSQL would stop reading"};
}

/// PostgreSQL puts the statements of one text into a transaction of its own.
std::optional<Invalid> refuse_mixture(std::string_view content, const UpSection& section) {
    if (section.in_transaction) return std::nullopt;
    const auto statements = split_sql(section.sql);
    if (statements.size() < 2) return std::nullopt;
    const auto loner = std::ranges::find_if(statements, needs_no_transaction);
    if (loner == statements.end()) return std::nullopt;
    const auto [line, column] = locate(content, section.offset + loner->offset, 1);
    return Invalid{"line " + std::to_string(line) +
                   ": cannot run together with other statements; " + std::string{alone_advice}};
}

}  // namespace

std::optional<std::string> migration_version(std::string_view file_name) {
    const auto digits = std::min(file_name.find_first_not_of("0123456789"), file_name.size());
    if (digits == 0 || !file_name.ends_with(".sql")) return std::nullopt;
    return std::string{file_name.substr(0, digits)};
}

Parsed<std::vector<UpSection>> parse_migration(std::string_view content) {
    if (auto refused = refuse_bytes(content)) return *std::move(refused);
    std::vector<UpSection> sections;
    bool in_up = false;
    std::size_t line_number = 0;
    std::size_t up_line = 0;
    const auto refuse = [](std::size_t line, std::string_view why) {
        return Invalid{"line " + std::to_string(line) + ": " + std::string{why}};
    };
    const auto end_up = [&](std::size_t end) {
        UpSection& section = sections.back();
        section.sql = content.substr(section.offset, end - section.offset);
        in_up = false;
    };
    std::size_t start = content.starts_with(byte_order_mark) ? byte_order_mark.size() : 0;
    while (start < content.size()) {
        const auto end = std::min(content.find('\n', start), content.size());
        const std::string_view line = content.substr(start, end - start);
        ++line_number;
        if (const auto options = after_marker(line, "migrate:up")) {
            if (in_up) return refuse(up_line, "no '-- migrate:down' behind this '-- migrate:up'");
            sections.push_back({.offset = start, .in_transaction = in_transaction(*options)});
            in_up = true;
            up_line = line_number;
        } else if (!sections.empty() && after_marker(line, "migrate:down")) {
            if (!in_up) return refuse(line_number, "a second '-- migrate:down'");
            end_up(start);
        } else if (sections.empty() && !is_blank_or_comment(line)) {
            return refuse(line_number, "a statement in front of '-- migrate:up'");
        }
        start = end + 1;
    }
    if (sections.empty()) return Invalid{"no line '-- migrate:up'"};
    if (in_up) return refuse(up_line, "no '-- migrate:down' behind this '-- migrate:up'");
    for (const UpSection& section : sections) {
        if (auto refused = refuse_mixture(content, section)) return *std::move(refused);
    }
    return sections;
}

bool has_statement(std::string_view sql) {
    while (!sql.empty()) {
        const auto end = std::min(sql.find('\n'), sql.size());
        if (!is_blank_or_comment(sql.substr(0, end))) return true;
        sql.remove_prefix(std::min(end + 1, sql.size()));
    }
    return false;
}

TextPosition locate(std::string_view text, std::size_t offset, std::size_t nth_character) {
    const auto continues_character = [&](std::size_t at) {
        return at < text.size() && (static_cast<unsigned char>(text[at]) & 0xc0U) == 0x80U;
    };
    if (text.starts_with(byte_order_mark)) {
        text.remove_prefix(byte_order_mark.size());
        offset -= std::min(offset, byte_order_mark.size());
    }
    std::size_t at = std::min(offset, text.size());
    for (std::size_t n = 1; n < nth_character && at < text.size(); ++n) {
        do
            ++at;
        while (continues_character(at));
    }
    const std::string_view before = text.substr(0, at);
    const std::size_t line_start = before.rfind('\n') + 1;  // 0 on the first line, npos + 1
    TextPosition position{1 + static_cast<std::size_t>(std::ranges::count(before, '\n')), 1};
    for (std::size_t i = line_start; i < at; ++i) {
        if (!continues_character(i)) ++position.column;
    }
    return position;
}

std::vector<Migration> load_migrations(const std::filesystem::path& folder) {
    std::vector<Migration> migrations;
    try {
        for (const auto& entry : std::filesystem::directory_iterator{folder}) {
            std::string name = entry.path().filename();
            auto version = migration_version(name);
            if (!version || entry.is_directory()) continue;
            migrations.push_back({std::move(*version), std::move(name), entry.path()});
        }
    } catch (const std::filesystem::filesystem_error& error) {
        throw std::runtime_error{"cannot read the migrations in " + folder.string() + ": " +
                                 error.code().message() +
                                 "; --migrations-dir names another folder"};
    }
    std::ranges::sort(migrations, {}, &Migration::file_name);

    std::map<std::string_view, std::string_view> file_of_version;
    for (const Migration& migration : migrations) {
        const auto [first, inserted] =
            file_of_version.emplace(migration.version, migration.file_name);
        if (!inserted) {
            throw std::runtime_error{"two migrations have the version " + migration.version + ": " +
                                     std::string{first->second} + " and " + migration.file_name};
        }
    }
    return migrations;
}

std::filesystem::path find_migrations(const std::filesystem::path& binary_folder,
                                      std::string_view program) {
    auto installed = binary_folder.parent_path() / "share" / program / "migrations";
    auto in_source = binary_folder.parent_path().parent_path() / "migrations";
    std::error_code ignored;
    if (std::filesystem::is_directory(installed, ignored)) return installed;
    return std::filesystem::is_directory(in_source, ignored) ? in_source : installed;
}

}  // namespace signalbox::db
