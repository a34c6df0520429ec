#include "signalbox/db/migration_file.hpp"

#include <algorithm>
#include <map>
#include <stdexcept>
#include <system_error>

namespace signalbox::db {
namespace {

constexpr std::string_view blanks = " \t\r\v\f";

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

bool has_option(std::string_view options, std::string_view wanted) {
    while (!(options = without_leading_blanks(options)).empty()) {
        const std::string_view option = options.substr(0, options.find_first_of(blanks));
        if (option == wanted) return true;
        options.remove_prefix(option.size());
    }
    return false;
}

bool is_blank_or_comment(std::string_view line) {
    line = without_leading_blanks(line);
    return line.empty() || line.starts_with("--");
}

}  // namespace

std::optional<std::string> migration_version(std::string_view file_name) {
    const auto digits = std::min(file_name.find_first_not_of("0123456789"), file_name.size());
    if (digits == 0 || !file_name.ends_with(".sql")) return std::nullopt;
    return std::string{file_name.substr(0, digits)};
}

Parsed<UpBlock> parse_migration(std::string_view content) {
    std::optional<std::size_t> up;
    std::optional<std::size_t> down;
    UpBlock block;
    std::size_t line_number = 0;
    for (std::size_t start = 0; start < content.size();) {
        const auto end = std::min(content.find('\n', start), content.size());
        const std::string_view line = content.substr(start, end - start);
        const auto refuse = [&](std::string_view why) {
            return Invalid{"line " + std::to_string(line_number) + ": " + std::string{why}};
        };
        ++line_number;
        if (const auto options = after_marker(line, "migrate:up")) {
            if (up) return refuse("a second '-- migrate:up'");
            if (down) return refuse("'-- migrate:up' has to stand before '-- migrate:down'");
            up = start;
            block.in_transaction = !has_option(*options, "transaction:false");
        } else if (after_marker(line, "migrate:down")) {
            if (down) return refuse("a second '-- migrate:down'");
            down = start;
        } else if (!up && !is_blank_or_comment(line)) {
            return refuse("a statement in front of '-- migrate:up'");
        }
        start = end + 1;
    }
    if (!up) return Invalid{"no line '-- migrate:up'"};
    if (!down) return Invalid{"no line '-- migrate:down'"};
    block.sql = content.substr(*up, *down - *up);
    block.offset = *up;
    return block;
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
