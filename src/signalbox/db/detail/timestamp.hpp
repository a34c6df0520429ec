#pragma once

#include <string>
#include <string_view>

namespace signalbox::db {

/// Appends a PostgreSQL timestamp, with or without time zone and as DateStyle ISO gives it, as a
/// JSON string in RFC 3339 with microseconds: `2026-11-22 07:02:06.5+00` becomes
/// `"2026-11-22T07:02:06.500000+00:00"`; without time zone there is no offset.
///
/// What RFC 3339 cannot say stays in PostgreSQL's words: `infinity`, `-infinity`, years BC and
/// from 10000. An offset with seconds, as some zones had before 1972, keeps them.
void append_timestamp(std::string& json, std::string_view text);

/// The same as pydantic writes it: a fraction only where there is one, and `Z` for UTC. False, and
/// nothing is appended, for what only PostgreSQL can say.
[[nodiscard]] bool append_date_time(std::string& json, std::string_view text);

}  // namespace signalbox::db
