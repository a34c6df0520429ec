#include "signalbox/db/detail/session.hpp"

#include <asio/associated_cancellation_slot.hpp>
#include <asio/async_result.hpp>
#include <asio/error.hpp>
#include <asio/post.hpp>
#include <asio/system_error.hpp>
#include <sys/socket.h>

#include <mutex>
#include <stdexcept>
#include <system_error>
#include <utility>

#include "signalbox/async/memory_reserve.hpp"
#include "signalbox/async/turn.hpp"
#include "signalbox/db/detail/failure.hpp"
#include "signalbox/db/detail/server_error.hpp"
#include "signalbox/db/detail/sqlstate.hpp"
#include "signalbox/db/error.hpp"

namespace signalbox::db {

namespace {

/// How much longer than `query_timeout` PostgreSQL may take to end a statement that it is to
/// cancel.
constexpr std::chrono::seconds frozen_grace{1};

/// A pooler drops the request to cancel while the statement waits for a session there.
constexpr std::chrono::milliseconds cancel_again{200};

/// Pieces of a COPY that go out before others have their turn.
constexpr int pieces_a_turn = 16;

bool is_failure(ExecStatusType status) {
    return status == PGRES_FATAL_ERROR || status == PGRES_BAD_RESPONSE;
}

}  // namespace

std::vector<Command> begin_commands(std::string_view begin, const Connection& connection) {
    std::vector<Command> commands{{.sql = begin, .prepare = false}};
    for (const std::string& setting : connection.local_settings())
        commands.push_back({.sql = setting, .prepare = false});
    return commands;
}

/// What is under way.
struct Session::RoundTrip {
    RoundTrip() = default;
    virtual ~RoundTrip() = default;
    RoundTrip(const RoundTrip&) = delete;
    RoundTrip& operator=(const RoundTrip&) = delete;

    virtual void complete() = 0;

    /// What libpq was given: a command is prepared first, if it has to be.
    struct Step {
        std::string_view sql;
        bool prepares;
    };

    const std::vector<Command>* commands = nullptr;
    const std::string* copy = nullptr;
    std::function<std::string()> next_piece{};

    std::vector<Step> steps{};
    std::size_t step = 0;
    std::vector<PgResult> results{};
    std::exception_ptr error{};
    Clock::time_point began{};
    Clock::time_point cut_at{};
    asio::cancellation_slot slot{};
    bool answered = false;     ///< all that there is to come has come
    bool unreachable = false;  ///< PostgreSQL says that it cannot answer on this connection
    bool cancelled = false;    ///< by the coroutine
    bool unless_done = false;  ///< Cancellable
    bool timed_out = false;
    bool copy_ended = false;  ///< all pieces are sent
};

template <class Handler>
struct Session::AwaitedTrip final : RoundTrip {
    AwaitedTrip(const async::Executor& executor, Handler its_handler)
        : request(executor.request()), handler(std::move(its_handler)) {}

    void complete() override {
        const async::Turn turn(request);
        std::move(handler)(std::move(error), std::move(results));
    }

    context::Reference<context::RequestContext> request;
    Handler handler;
};

/// How a cancellation's thread finds the loop, while there is one.
struct Session::CancelNotice {
    std::mutex mutex;
    std::shared_ptr<Session> session;  ///< guarded; null when it has been given up
};

Session::Session(std::shared_ptr<Connection> connection, asio::io_context& loop,
                 std::chrono::milliseconds query_timeout)
    : connection_(std::move(connection)),
      pg_(connection_->handle()),
      loop_(loop),
      query_timeout_(query_timeout),
      socket_(loop.get_executor(), PQsocket(pg_)),
      deadline_(loop, [this] { on_deadline(); }) {
    PQsetnonblocking(pg_, 1);
}

Session::~Session() {
    // Once it is detached, others have the connection.
    if (!detached_) detach();
}

bool Session::in_transaction() const noexcept {
    return PQtransactionStatus(pg_) != PQTRANS_IDLE;
}

bool Session::detach() noexcept {
    detached_ = true;
    if (notice_) {
        const std::lock_guard lock(notice_->mutex);
        notice_->session.reset();
    }
    forget_socket();
    if (busy() || in_transaction() || PQexitPipelineMode(pg_) != 1) connection_->set_lost();
    PQsetnonblocking(pg_, 0);
    // Destroyed last: with a coroutine goes what it has.
    const auto trip = std::move(trip_);
    const auto follower = std::move(follower_);
    return !lost();
}

void Session::forget_socket() noexcept {
    try {
        socket_.release();
    } catch (const std::system_error&) {
        connection_->set_lost();  // its loop still watches the descriptor
    }
}

void Session::lose() noexcept {
    connection_->set_lost();
    // libpq has closed it as a rule. Another connection may have its number by now, and be watched
    // by this loop from its next turn on: forgotten later, it would be that one.
    forget_socket();
}

async::Task<std::vector<PgResult>> Session::run(const std::vector<Command>& commands,
                                                Cancellable cancellable) {
    const async::Executor executor = co_await asio::this_coro::executor;
    const auto initiate = [&](auto handler) {
        const async::MemoryReserve::Use use;
        auto slot = asio::get_associated_cancellation_slot(handler);
        auto trip = std::make_unique<AwaitedTrip<decltype(handler)>>(executor, std::move(handler));
        trip->commands = &commands;
        if (cancellable != Cancellable::no) trip->slot = slot;
        trip->unless_done = cancellable == Cancellable::unless_done;
        begin(std::move(trip));
    };
    co_return co_await asio::async_initiate<decltype(async::use_task),
                                            void(std::exception_ptr, std::vector<PgResult>)>(
        initiate, async::use_task);
}

async::Task<std::size_t> Session::copy_in(const std::string& sql,
                                          std::function<std::string()> next) {
    const async::Executor executor = co_await asio::this_coro::executor;
    const auto initiate = [&](auto handler) {
        const async::MemoryReserve::Use use;
        auto slot = asio::get_associated_cancellation_slot(handler);
        auto trip = std::make_unique<AwaitedTrip<decltype(handler)>>(executor, std::move(handler));
        trip->copy = &sql;
        trip->next_piece = std::move(next);
        trip->slot = slot;
        begin(std::move(trip));
    };
    const auto results =
        co_await asio::async_initiate<decltype(async::use_task),
                                      void(std::exception_ptr, std::vector<PgResult>)>(
            initiate, async::use_task);
    co_return affected_rows(*results.back());
}

void Session::start(const std::vector<Command>& commands,
                    std::function<void(std::exception_ptr)> done) {
    struct Trip final : RoundTrip {
        void complete() override { done(std::move(error)); }
        std::function<void(std::exception_ptr)> done;
    };
    auto trip = std::make_unique<Trip>();
    trip->commands = &commands;
    trip->done = std::move(done);
    begin(std::move(trip));
}

async::Task<> Session::wait_for_end() {
    const async::Executor executor = co_await asio::this_coro::executor;
    const auto initiate = [&](auto handler) {
        const async::MemoryReserve::Use use;
        follower_ = std::make_unique<AwaitedTrip<decltype(handler)>>(executor, std::move(handler));
    };
    co_await asio::async_initiate<decltype(async::use_task),
                                  void(std::exception_ptr, std::vector<PgResult>)>(initiate,
                                                                                   async::use_task);
}

async::Task<> Session::roll_back() {
    if (busy()) co_await wait_for_end();
    const std::vector<Command> rollback{{.sql = "ROLLBACK", .prepare = false}};
    const std::vector<Command> ping{{.sql = "SELECT 1", .prepare = false}};
    // A cancellation that comes late may hit each of these.
    for (int tries = 0; tries < 3 && in_transaction() && !lost(); ++tries) {
        try {
            co_await run(rollback, Cancellable::no);
        } catch (const std::exception&) {
            // The state of the transaction says whether it matters.
        }
    }
    if (cancelled_before_ && !lost()) {
        cancelled_before_ = false;
        try {
            co_await run(ping, Cancellable::no);
        } catch (const Unavailable&) {
            // It was hit, as was meant; or the connection is lost.
        }
    }
}

void Session::begin(std::unique_ptr<RoundTrip> trip) {
    if (trip_ || detached_) {
        trip->error = std::make_exception_ptr(std::logic_error(
            "a transaction runs one statement at a time: await each before the next"));
        asio::post(loop_, [ended = std::shared_ptr(std::move(trip))] { ended->complete(); });
        return;
    }
    trip_ = std::move(trip);
    trip_->began = Clock::now();
    trip_->cut_at = trip_->began + query_timeout_ + frozen_grace;
    if (trip_->slot.is_connected()) {
        trip_->slot.assign([weak = weak_from_this()](asio::cancellation_type) {
            const auto session = weak.lock();
            if (!session || !session->trip_) return;
            session->trip_->cancelled = true;
            session->cancel();
        });
    }
    try {
        if (lost()) throw Unavailable("the connection was lost at an earlier statement");
        send();
        deadline_.set(trip_->began + query_timeout_);
        flush();
    } catch (...) {
        trip_->error = std::current_exception();
        post_end();
    }
}

void Session::send() {
    if (trip_->copy != nullptr) {
        send_or_throw(PQexitPipelineMode(pg_));
        send_or_throw(PQsendQuery(pg_, trip_->copy->c_str()));
        return;
    }
    if (PQpipelineStatus(pg_) == PQ_PIPELINE_OFF) send_or_throw(PQenterPipelineMode(pg_));
    for (const Command& command : *trip_->commands)
        send(command);
    send_or_throw(PQpipelineSync(pg_));
}

void Session::send(const Command& command) {
    std::vector<const char*> values;
    if (command.parameters != nullptr) {
        values.reserve(command.parameters->size());
        for (const auto& parameter : *command.parameters)
            values.push_back(parameter ? parameter->c_str() : nullptr);
    }
    const auto count = static_cast<int>(values.size());
    const auto prepared =
        command.prepare ? connection_->name_for(command.sql) : Connection::PreparedName{};
    // libpq takes C strings, and a string_view has no end that can be seen.
    const std::string sql =
        prepared.name.empty() || prepared.is_new ? std::string(command.sql) : std::string();
    if (prepared.is_new) {
        trip_->steps.push_back({command.sql, true});
        send_or_throw(PQsendPrepare(pg_, prepared.name.data(), sql.c_str(), 0, nullptr));
    }
    trip_->steps.push_back({command.sql, false});
    if (prepared.name.empty()) {
        send_or_throw(PQsendQueryParams(pg_, sql.c_str(), count, nullptr, values.data(), nullptr,
                                        nullptr, 0));
    } else {
        send_or_throw(PQsendQueryPrepared(pg_, prepared.name.data(), count, values.data(), nullptr,
                                          nullptr, 0));
    }
}

void Session::send_or_throw(int sent) {
    if (sent == 1) return;
    lose();
    std::rethrow_exception(lost_connection());
}

std::exception_ptr Session::lost_connection() const {
    return std::make_exception_ptr(
        Unavailable("lost the connection: " + in_one_line(PQerrorMessage(pg_))));
}

void Session::flush() {
    const int left = PQflush(pg_);
    if (left < 0) return break_off(lost_connection());
    if (left > 0) wait_for_writing();
    wait_for_reading();  // also while writing: PostgreSQL may not read before we do
}

void Session::wait_for_reading() {
    if (std::exchange(reading_, true)) return;
    socket_.async_wait(asio::posix::descriptor_base::wait_read,
                       [self = shared_from_this()](const std::error_code&) {
                           self->reading_ = false;
                           self->go_on(&Session::receive);
                       });
}

void Session::wait_for_writing() {
    if (std::exchange(writing_, true)) return;
    socket_.async_wait(asio::posix::descriptor_base::wait_write,
                       [self = shared_from_this()](const std::error_code&) {
                           self->writing_ = false;
                           self->go_on(&Session::write_on);
                       });
}

void Session::go_on(void (Session::*step)()) {
    if (!trip_) return;
    try {
        (this->*step)();
    } catch (...) {  // no memory, or answers that cannot be: what comes next is not known any more
        if (trip_) break_off(std::current_exception());
    }
}

void Session::write_on() {
    if (trip_->copy != nullptr && !trip_->copy_ended) {
        push_copy_data();
    } else {
        flush();
    }
}

void Session::receive() {
    if (PQconsumeInput(pg_) == 0) return break_off(lost_connection());
    bool nothing = false;
    while (!trip_->answered && !trip_->unreachable && PQisBusy(pg_) == 0) {
        PgResult result(PQgetResult(pg_));
        if (PQstatus(pg_) == CONNECTION_BAD) return break_off(lost_connection());
        if (result) {
            nothing = false;
            if (PQresultStatus(result.get()) == PGRES_COPY_IN) return push_copy_data();
            take(std::move(result));
        } else if (trip_->copy != nullptr) {
            trip_->answered = true;
        } else if (std::exchange(nothing, true)) {
            break;  // twice in a row: what is missing has yet to come
        }
    }
    // A pooler says so for the session behind it, and keeps the connection; but what was asked has
    // no answer any more.
    if (trip_->unreachable) return break_off(trip_->error);
    if (!trip_->answered) return flush();
    if (!trip_->error && trip_->copy == nullptr &&
        trip_->results.size() != trip_->commands->size()) {
        return break_off(
            std::make_exception_ptr(Unavailable("lost the connection: answers are missing")));
    }
    end_when_settled();
}

void Session::take(PgResult result) {
    RoundTrip& trip = *trip_;
    const ExecStatusType status = PQresultStatus(result.get());
    if (status == PGRES_PIPELINE_SYNC) {
        trip.answered = true;
        return;
    }
    const std::string_view state = sqlstate_of(*result);
    if (is_failure(status)) {
        if (!trip.error) trip.error = failure(*result);
        trip.unreachable = unavailable_reason(state) == Unavailable::Reason::unreachable;
    }
    if (trip.copy != nullptr) {
        trip.results.push_back(std::move(result));
        return;
    }
    if (trip.unreachable) return;
    const RoundTrip::Step step = trip.steps.at(trip.step++);
    if (is_failure(status)) {
        if (step.prepares || is_stale_statement(state)) connection_->forget_name_for(step.sql);
    } else if (status == PGRES_PIPELINE_ABORTED) {
        if (step.prepares) connection_->forget_name_for(step.sql);
    } else if (!step.prepares) {
        trip.results.push_back(std::move(result));
    }
}

void Session::push_copy_data() {
    for (int pieces = 0; pieces < pieces_a_turn; ++pieces) {
        const int left = PQflush(pg_);
        if (left < 0) return break_off(lost_connection());
        if (left > 0) return wait_for_writing();
        std::string piece;
        const char* refused = nullptr;
        if (trip_->cancelled || trip_->timed_out) {
            refused = "cancelled";
        } else {
            try {
                piece = trip_->next_piece();
            } catch (...) {
                trip_->error = std::current_exception();
                refused = "the rows ended in an exception";
            }
        }
        const bool last = piece.empty();
        const int put = last ? PQputCopyEnd(pg_, refused)
                             : PQputCopyData(pg_, piece.data(), static_cast<int>(piece.size()));
        if (put < 0) return break_off(lost_connection());
        if (last) {
            trip_->copy_ended = true;
            return flush();
        }
    }
    wait_for_writing();
}

void Session::cancel() {
    cancelled_before_ = true;
    deadline_.set(std::min(trip_->cut_at, Clock::now() + cancel_again));
    if (cancellation_ || trip_->answered) return;
    try {
        if (!notice_) notice_ = std::make_shared<CancelNotice>();
        {
            const std::lock_guard lock(notice_->mutex);
            notice_->session = shared_from_this();
        }
        cancellation_ = Cancellation::of(connection_, [notice = notice_] {
            const std::lock_guard lock(notice->mutex);
            if (!notice->session) return;
            auto& loop = notice->session->loop_;
            asio::post(
                loop, [session = std::move(notice->session)] { session->on_cancellation_ended(); });
        });
    } catch (const std::system_error&) {
        // No thread for it: the deadline tries again, and ends it in the end.
    }
}

void Session::on_cancellation_ended() {
    cancellation_.reset();
    if (trip_ && trip_->answered) end();
}

void Session::on_deadline() {
    if (!trip_) return;
    const auto self = shared_from_this();
    if (Clock::now() >= trip_->cut_at) {
        ::shutdown(PQsocket(pg_), SHUT_RDWR);
        return break_off(std::make_exception_ptr(
            Unavailable("the database did not answer in time", Unavailable::Reason::timeout)));
    }
    if (!trip_->cancelled) trip_->timed_out = true;
    cancel();
}

void Session::break_off(std::exception_ptr error) {
    lose();
    trip_->error = std::move(error);
    end();
}

void Session::end_when_settled() {
    // A cancellation that is under way would hit the next statement.
    if (!cancellation_) end();
}

void Session::post_end() {
    asio::post(loop_, [self = shared_from_this()] {
        if (self->trip_) self->end();
    });
}

void Session::end() {
    const auto trip = std::move(trip_);
    deadline_.clear();
    if (trip->slot.is_connected()) trip->slot.clear();
    took_ = Clock::now() - trip->began;
    if (trip->cancelled && (trip->error || !trip->unless_done)) {
        trip->error = std::make_exception_ptr(asio::system_error(asio::error::operation_aborted));
    }
    const auto follower = std::move(follower_);
    trip->complete();
    if (follower) follower->complete();
}

}  // namespace signalbox::db
