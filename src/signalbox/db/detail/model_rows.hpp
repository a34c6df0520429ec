#pragma once

#include <libpq-fe.h>

#include <memory>
#include <pqxx/result>

#include "signalbox/db/row_form.hpp"
#include "signalbox/json.hpp"

namespace signalbox::db {

/// Which column is for which member is found once for a result, by the member's name or its Alias,
/// and so is whether its type fits:
///
/// | member                           | PostgreSQL                                             |
/// |----------------------------------|--------------------------------------------------------|
/// | bool                             | boolean                                                |
/// | integers                         | smallint, integer, bigint, oid; a value that is out of |
/// |                                  | the member's range is an error                         |
/// | float, double                    | those, real, double precision, numeric                 |
/// | Decimal                          | smallint, integer, bigint, numeric                     |
/// | std::string, Email, Url          | whatever has no other member: text, varchar, char,     |
/// |                                  | enums, time, inet, …                                   |
/// | enums, Literal                   | text, varchar, char, enums; one of their names         |
/// | enums that are numbers outside   | smallint, integer, bigint, oid                         |
/// | Uuid                             | uuid                                                   |
/// | Bytes                            | bytea                                                  |
/// | DateTime                         | timestamp with or without time zone                    |
/// | year_month_day                   | date                                                   |
/// | microseconds                     | interval, without months                               |
/// | JsonText                         | json, jsonb                                            |
/// | structs, maps, variants, vectors | json, jsonb, read as a request's JSON is and written   |
/// |                                  | again: what the type does not have is dropped          |
/// | vectors                          | arrays of one dimension, of what fits their items;     |
/// |                                  | of texts and enums also those of a database's own types|
/// | std::optional                    | the same, and NULL                                     |
///
/// Rules, as Ge(1), are for requests and not looked at here, but inside of json. What does not fit
/// throws ResultMismatch. The session must have DateStyle ISO.

/// As model::write_json writes such objects, without making any. In one of RowForm's shapes of
/// JSON. A NaN or an infinity is null.
[[nodiscard]] JsonText model_rows_json(const pqxx::result& rows, const RowForm& form);
[[nodiscard]] JsonText model_rows_json(const PGresult* rows, const RowForm& form);

/// The objects, in what `form.make` makes.
[[nodiscard]] std::shared_ptr<void> model_rows(const pqxx::result& rows, const RowForm& form);
[[nodiscard]] std::shared_ptr<void> model_rows(const PGresult* rows, const RowForm& form);

}  // namespace signalbox::db
