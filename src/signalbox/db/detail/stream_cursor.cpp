#include "signalbox/db/detail/stream_cursor.hpp"

#include <algorithm>
#include <utility>

#include "signalbox/db/detail/connection_settings.hpp"
#include "signalbox/db/detail/failure.hpp"
#include "signalbox/db/detail/server_error.hpp"
#include "signalbox/db/detail/sqlstate.hpp"
#include "signalbox/db/detail/stream_batch.hpp"

namespace signalbox::db {

void BatchSize::came(std::size_t rows, std::size_t its_bytes) noexcept {
    if (rows == 0) return;
    // One wide batch is remembered for a while: the next may have as wide rows.
    width_ =
        std::max({1.0, static_cast<double>(its_bytes) / static_cast<double>(rows), width_ * 3 / 4});
    const double fitting = static_cast<double>(bytes) / width_;
    const auto growing = static_cast<double>(std::min(most, next_ * 8));
    next_ = static_cast<std::size_t>(std::clamp(fitting, 1.0, growing));
}

StreamCursor::StreamCursor(Connection& connection, std::string_view query,
                           const std::vector<std::optional<std::string>>& parameters,
                           const RowForm* form)
    : connection_(connection), form_(form) {
    try {
        static_cast<void>(run("BEGIN READ ONLY" + behind_begin(connection.local_settings())));
        const std::string declare =
            std::string("DECLARE signalbox_stream NO SCROLL CURSOR FOR\n").append(query);
        std::vector<const char*> values;
        values.reserve(parameters.size());
        for (const auto& parameter : parameters)
            values.push_back(parameter ? parameter->c_str() : nullptr);
        const PgResult declared(PQexecParams(connection.handle(), declare.c_str(),
                                             static_cast<int>(values.size()), nullptr,
                                             values.data(), nullptr, nullptr, 0));
        check(declared.get());
    } catch (...) {
        if (!connection.lost()) connection.leave_transaction();
        throw;
    }
}

StreamCursor::~StreamCursor() {
    if (asked_ > 0) static_cast<void>(answer());
    if (!connection_.lost()) connection_.leave_transaction();
}

void StreamCursor::ask() {
    const std::size_t rows = size_.next();
    const std::string fetch = "FETCH " + std::to_string(rows) + " FROM signalbox_stream";
    if (PQsendQuery(connection_.handle(), fetch.c_str()) != 1) check(nullptr);
    asked_ = rows;
}

StreamCursor::Fetched StreamCursor::take() {
    Fetched fetched{.rows = answer(), .last = false};
    const std::size_t asked = std::exchange(asked_, 0);
    check(fetched.rows.get());
    const auto count = static_cast<std::size_t>(PQntuples(fetched.rows.get()));
    fetched.last = count < asked;
    size_.came(count, PQresultMemorySize(fetched.rows.get()));
    return fetched;
}

detail::StreamBatch StreamCursor::batch_of(const Fetched& fetched) const {
    const PGresult* const rows = fetched.rows.get();
    auto batch = stream_batch(rows, form_, static_cast<std::size_t>(PQntuples(rows)));
    if (batch.values != nullptr) batch.bytes = PQresultMemorySize(rows);
    batch.last = fetched.last;
    return batch;
}

void StreamCursor::keep_alive() {
    static_cast<void>(run("SELECT 1"));
}

void StreamCursor::close() {
    static_cast<void>(run("COMMIT"));
}

PgResult StreamCursor::run(const std::string& sql) {
    PgResult result(PQexec(connection_.handle(), sql.c_str()));
    check(result.get());
    return result;
}

/// The one result of what was sent; null when the connection broke.
PgResult StreamCursor::answer() {
    PgResult first;
    while (PgResult next{PQgetResult(connection_.handle())}) {
        if (!first) first = std::move(next);
    }
    return first;
}

void StreamCursor::check(const PGresult* result) {
    if (result == nullptr || PQstatus(connection_.handle()) == CONNECTION_BAD) {
        connection_.set_lost();
        throw Unavailable("lost the connection: " +
                          in_one_line(PQerrorMessage(connection_.handle())));
    }
    const auto status = PQresultStatus(result);
    if (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK) return;
    ServerError told = server_error(result);
    if (unavailable_reason(told.details.sqlstate) == Unavailable::Reason::unreachable)
        connection_.set_lost();
    throw_error(std::move(told), false);
}

}  // namespace signalbox::db
