#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "signalbox/parsed.hpp"

namespace signalbox::config {

/// What a message may say of a libpq URI or keyword string: database and servers, never user,
/// password or any other parameter: "signalbox on db.example.com:5432", with several hosts
/// "signalbox on a:5432, b:5433", for a Unix socket "signalbox on /run/postgresql". What the text
/// leaves out is filled in as libpq will, from PGHOST and its kin. "an unreadable database URL"
/// when libpq cannot read it: not a piece of the text is repeated, as any may be the password.
std::string redact_url(std::string_view url);

/// The text as given, when libpq takes it with all its parameters, and its host, port and database
/// are no piece of a password that was not percent-encoded (they would end up in libpq's own
/// messages). The reason names the parameter, and repeats no value.
Parsed<std::string> parse_database_url(std::string_view url);

/// Whether the text has a password, of whatever kind. False when libpq cannot read it.
bool has_password(std::string_view url);

/// The first server to which libpq would also connect unencrypted over a network, with the sslmode
/// that lets it: `db.example.com (sslmode=prefer)`. Nothing when there is none.
std::optional<std::string> unencrypted_server(std::string_view url);

/// The URL in a mounted secret: the file's content without the white space around it. Read again
/// for each new connection, so that a rotated password needs no restart.
Parsed<std::string> read_database_url(const std::filesystem::path& file);

}  // namespace signalbox::config
