#include "signalbox/db/detail/migration_connection.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <stdexcept>
#include <thread>
#include <utility>

#include "signalbox/config/database_url.hpp"

namespace signalbox::db {
namespace {

using namespace std::chrono_literals;
using Result = std::unique_ptr<PGresult, decltype(&PQclear)>;

std::string without_line_feed(std::string text) {
    text.erase(text.find_last_not_of(" \n") + 1);
    return text;
}

/// "relation "users" does not exist (42P01)", then detail, hint and context on lines of their own.
[[noreturn]] void fail(PGconn* connection, const PGresult* result, std::size_t statement) {
    const auto field = [&](int code) -> std::string {
        const char* text = PQresultErrorField(result, code);
        return text == nullptr ? "" : text;
    };
    std::string message = field(PG_DIAG_MESSAGE_PRIMARY);
    if (message.empty()) message = without_line_feed(PQerrorMessage(connection));
    const auto state = field(PG_DIAG_SQLSTATE);
    if (!state.empty()) message += " (" + state + ')';
    for (const auto& [name, code] :
         {std::pair{"detail", PG_DIAG_MESSAGE_DETAIL}, std::pair{"hint", PG_DIAG_MESSAGE_HINT},
          std::pair{"context", PG_DIAG_CONTEXT}}) {
        if (const auto text = field(code); !text.empty()) {
            message += std::string{"\n  "} + name + ": " + text;
        }
    }
    if (PQstatus(connection) == CONNECTION_BAD) {
        throw Unavailable(message, Unavailable::Reason::unreachable, state);
    }
    const std::string text = field(PG_DIAG_STATEMENT_POSITION);
    std::size_t position = 0;
    std::from_chars(text.data(), text.data() + text.size(), position);
    throw StatementError(message, state, position == 0 ? std::nullopt : std::optional{position},
                         statement);
}

/// COPY would wait for ever for data that a migration file cannot give, or be given.
void end_copy(PGconn* connection, ExecStatusType status) {
    if (status == PGRES_COPY_IN || status == PGRES_COPY_BOTH) {
        PQputCopyEnd(connection, "COPY FROM STDIN is not possible here");
    }
    char* row = nullptr;
    while (status == PGRES_COPY_OUT && PQgetCopyData(connection, &row, 0) > 0)
        PQfreemem(row);
}

PGconn* connect(const std::string& url) {
    // What stands before dbname gives way to the URL, what stands behind it does not.
    constexpr std::array keywords{"connect_timeout", "fallback_application_name", "dbname",
                                  "client_encoding", static_cast<const char*>(nullptr)};
    const std::array values{"10", "signalbox migrate", url.c_str(), "UTF8",
                            static_cast<const char*>(nullptr)};
    return PQconnectdbParams(keywords.data(), values.data(), 1);
}

}  // namespace

MigrationConnection::MigrationConnection(const std::string& url,
                                         std::chrono::milliseconds patience) {
    // Only a URL that holds no stray piece of a password may reach libpq's messages.
    if (const auto sound = parse_database_url(url); !sound) {
        throw std::invalid_argument{"the database URL: " + sound.reason()};
    }
    const auto deadline = std::chrono::steady_clock::now() + patience;
    bool accepting = false;
    for (auto pause = 100ms;; pause = std::min(pause * 2, std::chrono::milliseconds{2s})) {
        connection_.reset(connect(url));
        if (PQstatus(connection_.get()) == CONNECTION_OK) break;
        const PGPing answer = PQping(url.c_str());
        // A server can get ready between the two. What it answers after that is its last word.
        if (answer == PQPING_OK && !accepting) {
            accepting = true;
            continue;
        }
        accepting = false;
        const bool may_come = answer == PQPING_REJECT || answer == PQPING_NO_RESPONSE;
        if (!may_come || std::chrono::steady_clock::now() + pause > deadline) {
            throw Unavailable{"cannot connect to " + redact_url(url) + ": " +
                              without_line_feed(PQerrorMessage(connection_.get()))};
        }
        std::this_thread::sleep_for(pause);
    }
    // libpq writes notices to stderr unless told otherwise, into the midst of our log.
    PQsetNoticeReceiver(
        connection_.get(), [](void*, const PGresult*) {}, nullptr);
}

void MigrationConnection::execute(const std::string& sql) {
    Result failed{nullptr, &PQclear};
    std::size_t failed_statement = 0;
    std::size_t statement = 1;
    if (PQsendQuery(connection_.get(), sql.c_str()) != 1) {
        fail(connection_.get(), nullptr, statement);
    }
    // Every result has to be fetched, those behind an error as well, before the next query.
    for (;; ++statement) {
        Result result{PQgetResult(connection_.get()), &PQclear};
        if (!result) break;
        const ExecStatusType status = PQresultStatus(result.get());
        end_copy(connection_.get(), status);
        if (!failed && (status == PGRES_FATAL_ERROR || status == PGRES_BAD_RESPONSE)) {
            failed = std::move(result);
            failed_statement = statement;
        }
        if (PQstatus(connection_.get()) == CONNECTION_BAD) break;
    }
    if (failed) fail(connection_.get(), failed.get(), failed_statement);
}

std::vector<std::string> MigrationConnection::column(const std::string& sql,
                                                     const std::vector<std::string>& parameters) {
    std::vector<const char*> values(parameters.size());
    std::transform(parameters.begin(), parameters.end(), values.begin(),
                   [](const std::string& parameter) { return parameter.c_str(); });
    const Result result{
        PQexecParams(connection_.get(), sql.c_str(), static_cast<int>(values.size()), nullptr,
                     values.data(), nullptr, nullptr, 0),
        &PQclear};
    const ExecStatusType status = PQresultStatus(result.get());
    if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK) {
        fail(connection_.get(), result.get(), 1);
    }
    std::vector<std::string> rows;
    rows.reserve(static_cast<std::size_t>(PQntuples(result.get())));
    for (int row = 0; row < PQntuples(result.get()); ++row) {
        rows.emplace_back(PQgetvalue(result.get(), row, 0));
    }
    return rows;
}

bool MigrationConnection::in_transaction() const {
    return PQtransactionStatus(connection_.get()) != PQTRANS_IDLE;
}

}  // namespace signalbox::db
