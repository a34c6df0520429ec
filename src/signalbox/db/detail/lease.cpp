#include "signalbox/db/detail/lease.hpp"

#include <exception>
#include <utility>

#include "signalbox/context/request_context.hpp"
#include "signalbox/db/detail/failure.hpp"
#include "signalbox/observe/database_observer.hpp"

namespace signalbox::db {

Lease::Lease(std::shared_ptr<Connection> connection, const PoolOptions& options,
             std::function<void(bool usable)> returned,
             std::function<std::exception_ptr(const std::exception_ptr&)> explain)
    : connection_(std::move(connection)),
      options_(options),
      returned_(std::move(returned)),
      explain_(std::move(explain)) {}

Lease::~Lease() {
    const bool usable = session_ ? session_->detach() : !lost();
    returned_(usable);
}

bool Lease::hung_up() const noexcept {
    if (!connection_->hung_up()) return false;
    connection_->set_lost();
    return true;
}

void Lease::begin(const async::Executor& executor) {
    request_ = executor.request();
    session_ = std::make_shared<Session>(
        connection_, asio::query(executor, asio::execution::context), options_.query_timeout);
}

async::Task<std::vector<PgResult>> Lease::run(std::vector<Command> commands, std::string_view told,
                                              Session::Cancellable cancellable) {
    const context::WaitScope waiting(request_, context::Waiting::database);
    std::vector<PgResult> results;
    std::exception_ptr error;
    try {
        results = co_await session_->run(commands, cancellable);
    } catch (...) {
        error = std::current_exception();
    }
    book(told, error);
    if (error) std::rethrow_exception(explain_(error));
    co_return results;
}

async::Task<std::size_t> Lease::copy_in(std::string sql, std::function<std::string()> next) {
    const context::WaitScope waiting(request_, context::Waiting::database);
    std::size_t rows = 0;
    std::exception_ptr error;
    try {
        rows = co_await session_->copy_in(sql, std::move(next));
    } catch (...) {
        error = std::current_exception();
    }
    book(sql, error);
    if (error) std::rethrow_exception(explain_(error));
    co_return rows;
}

void Lease::book(std::string_view told, const std::exception_ptr& error) const {
    if (request_ != nullptr) request_->database_use += session_->took();
    if (options_.observer != nullptr && !told.empty())
        options_.observer->executed(told, session_->took(), error_type(error));
}

}  // namespace signalbox::db
