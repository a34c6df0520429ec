#include "signalbox/db/pool.hpp"

#include <utility>

#include "signalbox/db/detail/connection_pool.hpp"

namespace signalbox::db {

void detail::throw_wrong_count(const model::Type& row, std::size_t rows) {
    throw ResultMismatch(
        (row.kind == model::Type::Kind::object ? std::string(row.full_name) : "a value") +
        ": the statement has " + std::to_string(rows) + " rows, where one was asked for");
}

Pool::Pool(PoolOptions options)
    : connections_(std::make_unique<ConnectionPool>(std::move(options))) {}

Pool::~Pool() = default;

void Pool::connect(std::stop_token stop) {
    connections_->connect(std::move(stop));
}

void Pool::allow(std::size_t connections) {
    connections_->allow(connections);
}

void Pool::give_up(std::function<void()> released) {
    connections_->give_up(std::move(released));
}

void Pool::disconnect() {
    connections_->disconnect();
}

async::Task<JsonText> Pool::fetch(Statement statement) {
    return connections_->fetch(std::move(statement));
}

async::Task<std::size_t> Pool::run(Statement statement) {
    return connections_->execute(std::move(statement));
}

async::Task<std::shared_ptr<const void>> Pool::fetch_values(Statement statement) {
    return connections_->fetch_values(std::move(statement));
}

bool Pool::reachable() const {
    return connections_->reachable();
}

Pool::Usage Pool::usage() const {
    return connections_->usage();
}

}  // namespace signalbox::db
