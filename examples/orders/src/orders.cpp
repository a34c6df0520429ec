#include "orders.hpp"

#include <fmt/format.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "auth.hpp"
#include "models.hpp"
#include "signalbox/api/logger.hpp"
#include "signalbox/api/metrics.hpp"
#include "signalbox/async/all.hpp"
#include "signalbox/async/sleep.hpp"
#include "signalbox/db/error.hpp"
#include "signalbox/db/pool.hpp"
#include "signalbox/http/errors.hpp"

namespace orders {
namespace {

using signalbox::async::Task;
using signalbox::http::HttpError;
namespace async = signalbox::async;
namespace db = signalbox::db;

struct Counters {
    Counter created;
};

Counters counters(Metrics& metrics) {
    return {metrics.counter("orders_created_total", "Created.")};
}

Task<Rows<Order>> list_orders(Query<Page> page, db::Pool& database, Reply& reply) {
    auto [orders, total] = co_await async::gather(
        database.fetch_rows<Order>("SELECT * FROM orders WHERE $1::text IS NULL OR status = $1"
                                   " ORDER BY id LIMIT $2 OFFSET $3",
                                   page->status, *page->limit, *page->offset),
        database.fetch_value<std::int64_t>(
            "SELECT count(*) FROM orders WHERE $1::text IS NULL OR status = $1", page->status));
    reply.header("X-Total-Count", std::to_string(total));
    if (total - *page->offset > *page->limit) {
        reply.header("Link", fmt::format("</orders?limit={}&offset={}>; rel=\"next\"", *page->limit,
                                         *page->offset + *page->limit));
    }
    co_return std::move(orders);
}

Task<Row<Order>> get_order(std::int64_t order_id, db::Pool& database) {
    auto order = co_await database.fetch_row<Order>("SELECT * FROM orders WHERE id = $1", order_id);
    if (!order) throw HttpError(404, "Order not found");
    co_return std::move(*order);
}

Task<Order> insert_order(const OrderIn& order, db::Transaction& transaction) {
    Order made = co_await transaction.execute_one<Order>(
        "INSERT INTO orders (reference, customer, email, status, note)"
        " VALUES ($1, $2, $3, $4, $5) RETURNING *",
        *order.reference, *order.customer, *order.email, *order.status, *order.note);
    std::vector<std::tuple<std::int64_t, std::string, int, double>> items;
    for (const Item& item : *order.items)
        items.emplace_back(made.id, *item.sku, *item.quantity, *item.price);
    co_await transaction.execute_many(
        "INSERT INTO order_items (order_id, sku, quantity, price) VALUES ($1, $2, $3, $4)", items);
    co_return made;
}

// [snippet: background]
Task<> send_confirmation(std::int64_t order_id, std::string email, Logger& log) {
    co_await async::sleep_for(std::chrono::seconds(1));
    log.warning("confirmation sent", {{"order.id", order_id}, {"order.email", email}});
}
// [/snippet]

// [snippet: create]
Task<Order> create_order(OrderIn order, User, db::Pool& database, Counters& counters,
                         BackgroundTasks& background, Logger& log, Reply& reply) {
    Order made;
    try {
        made = co_await database.transaction(
            [&](db::Transaction& transaction) { return insert_order(order, transaction); });
    } catch (const db::UniqueViolation&) {
        throw HttpError(409, "An order with this reference exists");
    }
    counters.created.increment();
    reply.header("Location", fmt::format("/orders/{}", made.id));
    background.add(send_confirmation, made.id, *order.email, std::ref(log));
    co_return made;
}
// [/snippet]

Task<Row<Order>> patch_order(std::int64_t order_id, OrderPatch patch, User, db::Pool& database) {
    auto order = co_await database.execute_row<Order>(
        "UPDATE orders SET status = CASE WHEN $2 THEN $3 ELSE status END,"
        " note = CASE WHEN $4 THEN $5 ELSE note END WHERE id = $1 RETURNING *",
        order_id, patch.status.is_set(), *patch.status, patch.note.is_set(), *patch.note);
    if (!order) throw HttpError(404, "Order not found");
    co_return std::move(*order);
}

Task<> delete_order(std::int64_t order_id, User, db::Pool& database) {
    const auto deleted = co_await database.execute("DELETE FROM orders WHERE id = $1", order_id);
    if (deleted == 0) throw HttpError(404, "Order not found");
}

Task<Summary> summary(db::Pool& database) {
    auto [users, orders] =
        co_await async::gather(database.fetch_value<std::int64_t>("SELECT count(*) FROM users"),
                               database.fetch_value<std::int64_t>("SELECT count(*) FROM orders"));
    co_return Summary{users, orders};
}

}  // namespace

Module endpoints() {
    Module module;
    module.provide<counters>();
    module.get<list_orders>("/orders");
    module.get<get_order>("/orders/{order_id}");
    // [snippet: post]
    module.post<create_order>("/orders", {.status = 201});
    // [/snippet]
    module.patch<patch_order>("/orders/{order_id}");
    module.del<delete_order>("/orders/{order_id}");
    module.get<summary>("/summary");
    return module;
}

}  // namespace orders
