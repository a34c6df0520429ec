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

/// What a `-- migrate:up` introduces.
struct UpSection {
    std::string sql{};           ///< from the marker, a comment to SQL, to the one of the down part
    std::size_t offset = 0;      ///< of sql in the file, in bytes
    bool in_transaction = true;  ///< false after `-- migrate:up transaction:false`
};

/// Both count from 1; a column is a character, not a byte.
struct TextPosition {
    std::size_t line;
    std::size_t column;
};

/// "20261122000000" of "20261122000000_create_items.sql"; nothing for a file that is no migration.
std::optional<std::string> migration_version(std::string_view file_name);

/// The up parts of a file, in their order: there may be several, each with a down part behind it.
/// Refused as by dbmate: none, one without a down part or with two, statements in front of the
/// first. Refused here before it starts, and not by PostgreSQL on the way: a NUL byte, UTF-16, and
/// several statements without a transaction when one of them cannot be in the transaction that
/// PostgreSQL makes of them. Taken although dbmate does not: a byte order mark.
Parsed<std::vector<UpSection>> parse_migration(std::string_view content);

/// What to do with a statement that PostgreSQL takes in no transaction, as the end of a message.
inline constexpr std::string_view alone_advice =
    "give it a '-- migrate:up transaction:false' of its own, with a '-- migrate:down' behind it, "
    "or a "
    "file of its own";

/// Whether there is anything but blanks and lines that are comments.
bool has_statement(std::string_view sql);

/// Where in UTF-8 text the nth character (from 1) after a byte offset stands; a byte order mark is
/// none.
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
