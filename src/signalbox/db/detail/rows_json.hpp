#pragma once

#include <libpq-fe.h>

#include <pqxx/result>

#include "signalbox/json.hpp"

namespace signalbox::db {

/// The rows as a JSON array with an object for each row, its keys the column names in the order of
/// the query. Values by their PostgreSQL type, a domain as the type it is made from:
///
/// | PostgreSQL                                  | JSON                                        |
/// |---------------------------------------------|---------------------------------------------|
/// | smallint, integer, bigint, oid,             | a number with every digit PostgreSQL sent;  |
/// | real, double precision, numeric             | "NaN", "Infinity", "-Infinity" as strings   |
/// | boolean                                     | true, false                                 |
/// | json, jsonb                                 | itself                                      |
/// | timestamp with or without time zone         | RFC 3339 with microseconds: timestamp.hpp   |
/// | NULL of any type                            | null                                        |
/// | all else                                    | a string, PostgreSQL's text form            |
///
/// Two columns of one name give one key, at the first one's place with the last one's value, as
/// in a Python dict: readers disagree about JSON with a key twice.
///
/// The session must have DateStyle ISO. What is not UTF-8 becomes U+FFFD.
[[nodiscard]] JsonText rows_json(const pqxx::result& rows);
[[nodiscard]] JsonText rows_json(const PGresult* rows);

}  // namespace signalbox::db
