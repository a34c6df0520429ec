#pragma once

#include "signalbox/async/task.hpp"
#include "signalbox/db/row_stream.hpp"
#include "signalbox/http/response.hpp"
#include "signalbox/json.hpp"

namespace signalbox::api {

/// The rows of a stream as a JSON array, whatever their number, in bounded memory:
///
///     return api::json(database.stream("SELECT * FROM items"));
///
/// Up to 1,000 rows are one response, whose bytes all who ask for the same share. More rows are
/// sent batch by batch, as fast as the client takes them. An error before the first batch is
/// answered as in any handler; after a later one the client sees that the response is cut.
async::Task<http::Response> json(db::RowStream<JsonText> rows);

}  // namespace signalbox::api
