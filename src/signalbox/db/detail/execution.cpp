#include "signalbox/db/detail/execution.hpp"

#include <cstddef>
#include <exception>
#include <string>
#include <string_view>

#include "signalbox/db/detail/failure.hpp"
#include "signalbox/db/detail/model_rows.hpp"
#include "signalbox/db/detail/rows_json.hpp"
#include "signalbox/db/detail/stream_batch.hpp"
#include "signalbox/db/error.hpp"
#include "signalbox/db/row_form.hpp"
#include "signalbox/observe/database_observer.hpp"

namespace signalbox::db {

Outcome execute(Connection& connection, const Read& read, observe::DatabaseObserver* observer) {
    Outcome outcome{.started = read.started};
    const auto count = [&](std::string_view error) {
        if (observer == nullptr) return;
        const Statement& statement = read.statement;
        observer->executed(statement.told.empty() ? statement.sql : statement.told,
                           Clock::now() - read.started, error);
    };
    try {
        const auto rows = connection.read(read.statement);
        count("");
        const RowForm* const form = read.statement.form;
        const std::size_t first_rows = read.statement.first_rows;
        if (first_rows > 0) {
            const auto count = static_cast<std::size_t>(rows.size());
            outcome.batch.last = count <= first_rows;
            if (outcome.batch.last) outcome.batch = stream_batch(rows, form, count);
        } else if (form == nullptr) {
            outcome.rows = rows_json(rows);
        } else if (form->shape == RowForm::Shape::values) {
            outcome.values = model_rows(rows, *form);
        } else {
            outcome.rows = model_rows_json(rows, *form);
        }
    } catch (const Error&) {
        count(error_type(std::current_exception()));
        outcome.error = std::current_exception();
    } catch (const Unavailable&) {
        count(error_type(std::current_exception()));
        outcome.error = std::current_exception();
    } catch (...) {
        outcome.error = std::current_exception();
    }
    outcome.finished = Clock::now();
    return outcome;
}

std::string ping(Connection& connection) {
    try {
        static_cast<void>(connection.read({.sql = "SELECT 1", .parameters = {}}));
    } catch (const Error&) {
        return "";
    } catch (const Unavailable& error) {
        return connection.lost() ? error.what() : "";  // cancelled is an answer, too
    } catch (const std::exception& error) {
        return error.what();
    }
    return "";
}

}  // namespace signalbox::db
