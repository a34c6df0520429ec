#pragma once

#include <asio/io_context.hpp>
#include <asio/posix/basic_stream_descriptor.hpp>
#include <libpq-fe.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "signalbox/async/deadline_timer.hpp"
#include "signalbox/async/task.hpp"
#include "signalbox/db/detail/cancellation.hpp"
#include "signalbox/db/detail/connection.hpp"
#include "signalbox/db/detail/pg_result.hpp"

namespace signalbox::db {

/// A statement with its parameters, of which it keeps none: they live until the round trip ends.
struct Command {
    std::string_view sql;
    const std::vector<std::optional<std::string>>* parameters = nullptr;
    bool prepare = true;  ///< where connections prepare at all
};

/// What begins a transaction on this connection. The Commands live as long as the connection and
/// `begin`.
[[nodiscard]] std::vector<Command> begin_commands(std::string_view begin,
                                                  const Connection& connection);

/// A connection while an event loop drives it, by libpq's asynchronous interface: what several
/// statements in a row need, which would hop to the connection's thread and back for each. libpq's
/// pipeline mode sends statements together:
/// https://www.postgresql.org/docs/current/libpq-pipeline-mode.html
///
/// Every round trip ends. After `query_timeout` the statement is cancelled in PostgreSQL, and a
/// second later the connection is given up. So it is when the coroutine is cancelled: it resumes
/// only when the statement has ended, for what comes next finds a session in a known state.
///
/// Threads: the loop's. One round trip at a time: another throws std::logic_error.
class Session : public std::enable_shared_from_this<Session> {
  public:
    Session(std::shared_ptr<Connection> connection, asio::io_context& loop,
            std::chrono::milliseconds query_timeout);
    ~Session();
    Session(const Session&) = delete;
    Session& operator=(const Session&) = delete;

    /// Whether the coroutine's cancellation cancels the statements. `unless_done`: when it came too
    /// late, and all of them were done, they are returned.
    enum class Cancellable : std::uint8_t { no, yes, unless_done };

    /// Sends the commands, waits for all their results and returns them, one for each. The first
    /// that fails ends the others: throws as Connection::read() does, with what PostgreSQL said.
    /// `lost()` tells whether the connection has broken. Cancelled, it throws asio's
    /// operation_aborted, whatever became of the commands; but see Cancellable.
    ///
    /// The commands and their parameters live until it returns.
    async::Task<std::vector<PgResult>> run(const std::vector<Command>& commands,
                                           Cancellable cancellable = Cancellable::yes);

    /// Runs `COPY … FROM STDIN` with the data that `next` returns piece by piece, empty at its
    /// end. What `next` throws ends the COPY and is thrown. Returns how many rows came in.
    async::Task<std::size_t> copy_in(const std::string& sql, std::function<std::string()> next);

    /// The same as run(), for who is no coroutine. `done` is called on the loop; never at once, and
    /// not after detach().
    void start(const std::vector<Command>& commands, std::function<void(std::exception_ptr)> done);

    /// Waits for what start() has begun, ends a transaction that is open, and sees to it that no
    /// cancellation is still on its way.
    async::Task<> roll_back();

    [[nodiscard]] bool lost() const noexcept { return connection_->lost(); }
    [[nodiscard]] bool busy() const noexcept { return trip_ != nullptr; }
    /// Whether a transaction is open, be it failed.
    [[nodiscard]] bool in_transaction() const noexcept;
    /// How long the last round trip took.
    [[nodiscard]] async::DeadlineTimer::Clock::duration took() const noexcept { return took_; }

    [[nodiscard]] Connection& connection() const noexcept { return *connection_; }

    /// Leaves the connection to its thread again, whatever is under way. Whether it can be used
    /// there: else it is lost.
    bool detach() noexcept;

  private:
    using Clock = async::DeadlineTimer::Clock;
    struct RoundTrip;
    template <class Handler>
    struct AwaitedTrip;
    struct CancelNotice;

    async::Task<> wait_for_end();
    void begin(std::unique_ptr<RoundTrip> trip);
    void send();
    void send(const Command& command);
    void send_or_throw(int sent);
    void flush();
    void wait_for_reading();
    void wait_for_writing();
    void go_on(void (Session::*step)());
    void write_on();
    void receive();
    void take(PgResult result);
    void push_copy_data();
    void cancel();
    void on_deadline();
    void on_cancellation_ended();
    void break_off(std::exception_ptr error);
    void forget_socket() noexcept;
    void lose() noexcept;
    void end_when_settled();
    void end();
    void post_end();
    [[nodiscard]] std::exception_ptr lost_connection() const;

    const std::shared_ptr<Connection> connection_;
    PGconn* const pg_;
    asio::io_context& loop_;
    const std::chrono::milliseconds query_timeout_;
    asio::posix::basic_stream_descriptor<asio::io_context::executor_type> socket_;
    async::DeadlineTimer deadline_;
    std::unique_ptr<RoundTrip> trip_;
    std::unique_ptr<RoundTrip> follower_;  ///< waits for its end
    std::shared_ptr<Cancellation> cancellation_;
    std::shared_ptr<CancelNotice> notice_;
    bool cancelled_before_ = false;  ///< since the last roll_back()
    bool reading_ = false;
    bool writing_ = false;
    bool detached_ = false;
    Clock::duration took_{};
};

}  // namespace signalbox::db
