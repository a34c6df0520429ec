#pragma once

#include <libpq-fe.h>

#include <cstddef>
#include <pqxx/result>

#include "signalbox/db/detail/model_rows.hpp"
#include "signalbox/db/detail/rows_json.hpp"
#include "signalbox/db/row_form.hpp"
#include "signalbox/db/row_stream.hpp"

namespace signalbox::db {

/// All the rows of a result, which is libpqxx's or libpq's, as the statement's form has them.
/// Throws ResultMismatch, also when there are no rows.
template <class Result>
[[nodiscard]] detail::StreamBatch stream_batch(const Result& rows, const RowForm* form,
                                               std::size_t count) {
    detail::StreamBatch batch{.count = count};
    if (form == nullptr) {
        batch.rows = rows_json(rows);
    } else if (form->shape == RowForm::Shape::values) {
        batch.values = model_rows(rows, *form);
    } else {
        batch.rows = model_rows_json(rows, *form);
    }
    batch.bytes = batch.rows.text().size();
    return batch;
}

}  // namespace signalbox::db
