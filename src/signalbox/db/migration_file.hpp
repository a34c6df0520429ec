#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "signalbox/parsed.hpp"

// Migration files have dbmate's format, so that either tool can be used on the same database.

namespace signalbox::db {

struct Migration {
    std::string version;  ///< the digits the name begins with: what the database remembers
    std::string file_name;
    std::filesystem::path path;
};

/// What `-- migrate:up` introduces.
struct UpBlock {
    std::string sql;         ///< from the marker, a comment to SQL, to the one of the down block
    std::size_t offset = 0;  ///< of sql in the file, in bytes
    bool in_transaction = true;  ///< false after `-- migrate:up transaction:false`
};

/// Both count from 1; a column is a character, not a byte.
struct TextPosition {
    std::size_t line;
    std::size_t column;
};

/// "20261122000000" of "20261122000000_create_items.sql"; nothing for a file that is no migration.
std::optional<std::string> migration_version(std::string_view file_name);

/// Refused, as by dbmate: no up or no down block, statements in front of the up block. Refused
/// although dbmate does not: a second up block, which makes dbmate fail halfway through.
Parsed<UpBlock> parse_migration(std::string_view content);

/// Whether there is anything but blanks and lines that are comments.
bool has_statement(std::string_view sql);

/// Where in UTF-8 text the nth character (from 1) after a byte offset stands.
TextPosition locate(std::string_view text, std::size_t offset, std::size_t nth_character);

/// The migrations of a folder in the order in which they are applied, that of their names. Files
/// with other names and folders are passed over; contents are not read. Throws std::runtime_error
/// when the folder cannot be read or two files have the same version.
std::vector<Migration> load_migrations(const std::filesystem::path& folder);

/// The migrations that belong to a binary in this folder: ../share/PROGRAM/migrations when
/// installed, ../../migrations in a build tree (build/release/PROGRAM). The first where neither
/// exists, so that the message about it names the place.
std::filesystem::path find_migrations(const std::filesystem::path& binary_folder,
                                      std::string_view program);

}  // namespace signalbox::db
