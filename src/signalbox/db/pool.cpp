#include "signalbox/db/pool.hpp"

#include <utility>

#include "signalbox/db/detail/connection_pool.hpp"
#include "signalbox/db/detail/parameters.hpp"
#include "signalbox/db/detail/pool_stream.hpp"
#include "signalbox/db/detail/write.hpp"
#include "signalbox/db/migration_file.hpp"

namespace signalbox::db {

void detail::throw_wrong_count(const model::Type& row, std::size_t rows) {
    throw ResultMismatch(
        (row.kind == model::Type::Kind::object ? std::string(row.full_name) : "a value") +
        ": the statement has " + std::to_string(rows) + " rows, where one was asked for");
}

void Pool::connect(std::stop_token stop) {
    connections_->connect(std::move(stop));
}

void Pool::expect(std::vector<Migration> migrations, bool known_applied) {
    connections_->expect(std::move(migrations), known_applied);
}

void Pool::allow(std::size_t connections) {
    connections_->allow(connections);
}

void Pool::give_up(std::function<void()> released) {
    connections_->give_up(std::move(released));
}

void Pool::close_idle() {
    connections_->close_idle();
}

void Pool::disconnect() {
    connections_->disconnect();
}

/// The pool's statements with one thing about them changed.
class Pool::Variant final : public Queryable {
  public:
    Variant(Pool& pool, bool Statement::*property, bool value)
        : pool_(pool), property_(property), value_(value) {}

  private:
    async::Task<JsonText> fetch(Statement statement) override {
        return pool_.fetch(with_property(std::move(statement)));
    }
    async::Task<std::size_t> run(Statement statement) override {
        return pool_.run(with_property(std::move(statement)));
    }
    async::Task<std::shared_ptr<const void>> fetch_values(Statement statement) override {
        return pool_.fetch_values(with_property(std::move(statement)));
    }
    std::unique_ptr<detail::RowSource> open_stream(Statement statement) override {
        return pool_.open_stream(with_property(std::move(statement)));
    }

    Statement with_property(Statement statement) const {
        statement.*property_ = value_;
        return statement;
    }

    Pool& pool_;
    bool Statement::*const property_;
    const bool value_;
};

Pool::Pool(PoolOptions options)
    : connections_(std::make_unique<ConnectionPool>(std::move(options))),
      unshared_(std::make_unique<Variant>(*this, &Statement::may_be_shared, false)),
      repeatable_(std::make_unique<Variant>(*this, &Statement::may_be_repeated, true)) {}

Pool::~Pool() = default;

Queryable& Pool::unshared() noexcept {
    return *unshared_;
}

Queryable& Pool::repeatable() noexcept {
    return *repeatable_;
}

Subscription Pool::listen(std::string channel) {
    refuse_nul(channel, "a channel's name");
    return Subscription(connections_->listen(std::move(channel)));
}

async::Task<JsonText> Pool::fetch(Statement statement) {
    return statement.writes ? write_json(*connections_, std::move(statement))
                            : connections_->fetch(std::move(statement));
}

async::Task<std::size_t> Pool::run(Statement statement) {
    return write_count(*connections_, std::move(statement));
}

async::Task<std::shared_ptr<const void>> Pool::fetch_values(Statement statement) {
    return statement.writes ? write_values(*connections_, std::move(statement))
                            : connections_->fetch_values(std::move(statement));
}

std::unique_ptr<detail::RowSource> Pool::open_stream(Statement statement) {
    return pool_stream(*connections_, std::move(statement));
}

bool Pool::reachable() const {
    return connections_->reachable();
}

Pool::Migrations Pool::migrations() const {
    return connections_->migrations();
}

Pool::Usage Pool::usage() const {
    return connections_->usage();
}

}  // namespace signalbox::db
