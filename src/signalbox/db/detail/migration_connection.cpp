#include "signalbox/db/detail/migration_connection.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <poll.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <charconv>
#include <stdexcept>
#include <string_view>
#include <system_error>

#include "signalbox/config/database_url.hpp"
#include "signalbox/config/units.hpp"
#include "signalbox/db/detail/backoff.hpp"
#include "signalbox/db/detail/connection_settings.hpp"
#include "signalbox/fast/json_string.hpp"
#include "signalbox/process/stderr_capture.hpp"

namespace signalbox::db {
namespace {

using Clock = std::chrono::steady_clock;

/// Of the last connection; 0 before there was one.
std::atomic<int> server_version = 0;

std::string without_line_feed(std::string text) {
    text.erase(text.find_last_not_of(" \n") + 1);
    return text;
}

/// Why a connection could not be made, in libpq's words.
class Refusal {
  public:
    /// With PQERRORS_VERBOSE each SQLSTATE stands in the text, and libpq gives it nowhere else.
    explicit Refusal(std::string_view message) {
        constexpr std::string_view attempt = "connection to server ";
        for (; !message.empty();
             message.remove_prefix(std::min(message.find('\n'), message.size() - 1) + 1)) {
            auto line = message.substr(0, message.find('\n'));
            if (line.empty() || line.starts_with("LOCATION:")) continue;
            if (line.starts_with(attempt)) ++attempts_;
            text_ += text_.empty() ? "" : "; ";
            const auto code = line.find(":  ");
            constexpr std::size_t length = 3 + 5 + 2;  // ":  28P01: "
            if (code == std::string_view::npos || line.size() < code + length ||
                line.substr(code + 8, 2) != ": ") {
                text_ += line;
                continue;
            }
            states_.emplace_back(line.substr(code + 3, 5));
            text_.append(line.substr(0, code)).append(": ").append(line.substr(code + length));
        }
    }

    const std::string& text() const noexcept { return text_; }

    /// A setting that the server does not know, or a pooler does not pass on.
    bool of_options() const {
        return std::ranges::any_of(states_, [](std::string_view state) {
            return state == "08P01" || state == "42704" || state == "0A000";
        });
    }

    /// Whether every server that was asked said that it will not have us, which no waiting changes:
    /// user, password, database, rights, a setting. Whatever else there is may pass.
    bool is_final() const {
        return !states_.empty() && states_.size() >= attempts_ &&
               std::ranges::all_of(states_, [](std::string_view state) {
                   return state == "3D000" || state == "08P01" || state == "0A000" ||
                          state.starts_with("28") || state.starts_with("22") ||
                          state.starts_with("42");
               });
    }

  private:
    std::string text_;
    std::vector<std::string> states_;
    std::size_t attempts_ = 0;
};

/// COPY would wait for ever for data that a migration file cannot give, or be given.
void end_copy(PGconn* connection, ExecStatusType status) {
    if (status == PGRES_COPY_IN || status == PGRES_COPY_BOTH) {
        PQputCopyEnd(connection, "COPY FROM STDIN is not possible here");
    }
    char* row = nullptr;
    while (status == PGRES_COPY_OUT && PQgetCopyData(connection, &row, 0) > 0)
        PQfreemem(row);
}

/// libpq would read up to it, and the rest would go unnoticed.
void refuse_nul(std::string_view text) {
    if (text.find('\0') == std::string_view::npos) return;
    throw std::invalid_argument{"PostgreSQL takes no NUL byte"};
}

constexpr auto stopped = "stopped by a signal";

/// An attempt that fails sooner is made again at once, to hear why; it was no silent network.
constexpr std::chrono::seconds quick{1};

/// A pooler may drop a request to cancel.
constexpr std::chrono::milliseconds cancel_again{300};

}  // namespace

MigrationConnection::MigrationConnection(const MigrationTarget& target) : stop_(target.stop) {
    // Only a URL that holds no stray piece of a password may reach libpq's messages.
    if (const auto sound = config::parse_database_url(target.database_url); !sound) {
        throw std::invalid_argument{"the database URL: " + sound.reason()};
    }
    connect(target);
    // libpq writes notices to stderr unless told otherwise, into the midst of our log.
    PQsetNoticeReceiver(
        connection_.get(), [](void*, const PGresult*) {}, nullptr);
}

void MigrationConnection::connect(const MigrationTarget& target) {
    const auto deadline = Clock::now() + target.patience;
    const auto name = config::redact_url(target.database_url);
    ConnectionOptions options{
        .url = target.database_url, .application_name = target.application_name, .migrates = true};
    options.server_version = server_version;
    Backoff backoff;
    bool asked_for_codes = false;
    bool opened_again = false;
    for (;;) {
        const auto asked = Clock::now();
        // The same one, as it was told to give SQLSTATEs.
        auto again = std::make_shared<ConnectionHandle>(std::move(connection_));
        const auto printed = std::make_shared<std::vector<std::string>>();
        connection_ = connect_in_time(
            [again, printed, settings = connection_settings(options)] {
                const process::StderrCapture capture(
                    [&](std::string_view message) { printed->emplace_back(message); });
                if (!*again) return ConnectionHandle{PQconnectdb(settings.c_str())};
                PQreset(again->get());
                return std::move(*again);
            },
            deadline, target.stop);
        check_stop();
        if (!connection_) {
            throw Unavailable{fmt::format("cannot connect to {}: no answer within {}", name,
                                          config::format_duration(target.patience))};
        }
        for (const std::string& message : *printed)
            target.notice(message);
        if (PQstatus(connection_.get()) == CONNECTION_OK) {
            const char* const encoding = PQparameterStatus(connection_.get(), "server_encoding");
            const auto before = connection_settings(options);
            server_version = options.server_version = PQserverVersion(connection_.get());
            // Asked for UTF-8, it could not even say what is wrong with a value that is none.
            sql_ascii_ = options.sql_ascii =
                encoding != nullptr && std::string_view{encoding} == "SQL_ASCII";
            if (connection_settings(options) == before || std::exchange(opened_again, true)) return;
            connection_.reset();
            continue;
        }
        const Refusal refusal{PQerrorMessage(connection_.get())};
        const bool final = refusal.is_final() || PQconnectionNeedsPassword(connection_.get()) == 1;
        if (options.prepare && refusal.of_options()) {
            options.prepare = false;
            connection_.reset();
            asked_for_codes = false;
            continue;
        }
        if (!std::exchange(asked_for_codes, true)) {
            PQsetErrorVerbosity(connection_.get(), PQERRORS_VERBOSE);
            if (!final && Clock::now() - asked < quick) continue;
        }
        const auto pause = backoff.next();
        const std::string message = "cannot connect to " + name + ": " + refusal.text();
        if (final || Clock::now() + pause > deadline) throw Unavailable{message};
        target.report(config::LogLevel::warning,
                      fmt::format("{}; trying again in {}", message, pause));
        stop_.sleep(pause);
        check_stop();
    }
}

void MigrationConnection::begin(const std::string& mode) {
    ConnectionOptions options{.url = "", .migrates = true};
    options.server_version = PQserverVersion(connection_.get());
    execute("BEGIN " + mode + behind_begin(local_settings(options)));
}

void MigrationConnection::execute(const std::string& sql) {
    refuse_nul(sql);
    check_stop();
    cancelled_ = false;
    if (PQsendQuery(connection_.get(), sql.c_str()) != 1) fail(nullptr, 1);
    Result failed{nullptr, &PQclear};
    std::size_t failed_statement = 0;
    // Every result has to be fetched, those behind an error as well, before the next query.
    for (std::size_t statement = 1;; ++statement) {
        Result result = next_result();
        if (!result) break;
        const ExecStatusType status = PQresultStatus(result.get());
        end_copy(connection_.get(), status);
        if (!failed && (status == PGRES_FATAL_ERROR || status == PGRES_BAD_RESPONSE)) {
            failed = std::move(result);
            failed_statement = statement;
        }
        if (PQstatus(connection_.get()) == CONNECTION_BAD) break;
    }
    if (failed) fail(failed.get(), failed_statement);
}

std::vector<std::string> MigrationConnection::column(const std::string& sql,
                                                     const std::vector<std::string>& parameters) {
    refuse_nul(sql);
    check_stop();
    cancelled_ = false;
    std::vector<const char*> values;
    for (const std::string& parameter : parameters) {
        refuse_nul(parameter);
        values.push_back(parameter.c_str());
    }
    if (PQsendQueryParams(connection_.get(), sql.c_str(), static_cast<int>(values.size()), nullptr,
                          values.data(), nullptr, nullptr, 0) != 1)
        fail(nullptr, 1);
    const Result result = next_result();
    while (next_result()) {
    }
    const ExecStatusType status = PQresultStatus(result.get());
    if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK) fail(result.get(), 1);
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

void MigrationConnection::check_stop() const {
    if (stop_.requested() && !finishing_) throw Unavailable{stopped, Unavailable::Reason::stopping};
}

MigrationConnection::Result MigrationConnection::next_result() {
    PGconn* const connection = connection_.get();
    while (PQisBusy(connection) == 1) {
        if (stop_.requested() && !finishing_ && !cancelled_) cancel();
        const bool hears_stop = !cancelled_ && !finishing_;
        const auto timeout = cancelled_ ? static_cast<int>(cancel_again.count()) : -1;
        std::array<pollfd, 2> events{
            {{.fd = PQsocket(connection), .events = POLLIN, .revents = 0},
             {.fd = hears_stop ? stop_.descriptor() : -1, .events = POLLIN, .revents = 0}}};
        const int ready = ::poll(events.data(), events.size(), timeout);
        if (ready < 0 && errno != EINTR)
            throw std::system_error(errno, std::generic_category(), "poll");
        if (ready == 0) cancelled_ = false;
        if (events.front().revents != 0 && PQconsumeInput(connection) != 1) break;
    }
    return {PQgetResult(connection), &PQclear};
}

// A client that goes away rolls nothing back: PostgreSQL notices when it has something to send.
void MigrationConnection::cancel() {
    cancelled_ = true;
    const std::unique_ptr<PGcancel, decltype(&PQfreeCancel)> request{PQgetCancel(connection_.get()),
                                                                     &PQfreeCancel};
    std::array<char, 256> why{};
    if (PQcancel(request.get(), why.data(), static_cast<int>(why.size())) == 1) return;
    throw Unavailable{fmt::format("{}, and PostgreSQL could not be told to cancel what it runs: {}",
                                  stopped, without_line_feed(why.data())),
                      Unavailable::Reason::stopping};
}

/// "relation "items" does not exist (42P01)", then detail, hint and context on lines of their own.
void MigrationConnection::fail(const PGresult* result, std::size_t statement) const {
    const auto field = [&](int code) -> std::string {
        const char* text = PQresultErrorField(result, code);
        std::string valid;
        if (text != nullptr) append_utf8(valid, text);
        return valid;
    };
    const auto state = field(PG_DIAG_SQLSTATE);
    if (cancelled_ && state == "57014") {  // query_canceled
        throw Unavailable{stopped, Unavailable::Reason::stopping, state};
    }
    std::string message = field(PG_DIAG_MESSAGE_PRIMARY);
    if (message.empty()) message = without_line_feed(PQerrorMessage(connection_.get()));
    if (!state.empty()) message += " (" + state + ')';
    for (const auto& [name, code] :
         {std::pair{"detail", PG_DIAG_MESSAGE_DETAIL}, std::pair{"hint", PG_DIAG_MESSAGE_HINT},
          std::pair{"context", PG_DIAG_CONTEXT}}) {
        if (const auto text = field(code); !text.empty()) {
            message += std::string{"\n  "} + name + ": " + text;
        }
    }
    if (PQstatus(connection_.get()) == CONNECTION_BAD) {
        throw Unavailable(message, Unavailable::Reason::unreachable, state);
    }
    const std::string text = field(PG_DIAG_STATEMENT_POSITION);
    std::size_t position = 0;
    std::from_chars(text.data(), text.data() + text.size(), position);
    throw StatementError(message, state, position == 0 ? std::nullopt : std::optional{position},
                         sql_ascii_, statement);
}

}  // namespace signalbox::db
