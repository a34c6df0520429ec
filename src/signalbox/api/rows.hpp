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
/// Up to 1,000 rows are a response like others, a share of what all get who ask for the same. More
/// are sent batch by batch, as fast as the client takes them. What goes wrong before the first
/// batch is answered as in any handler; later the client sees that the response is cut.
async::Task<http::Response> json(db::RowStream<JsonText> rows);

}  // namespace signalbox::api
