#include "orders.hpp"

#include <fmt/format.h>

namespace orders {

Task<std::string> current_user(Bearer bearer) {
    if (!equal_in_constant_time(bearer.token, "secret"))
        throw http::HttpError(401, "Invalid token", {{"WWW-Authenticate", "Bearer"}});
    co_return "ada";
}

namespace {

using User = Depends<current_user>;

Task<Rows<Order>> list_orders(Query<Page> page, db::Pool& database, Reply& reply) {
    auto [orders, total] = co_await async::all(
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
    if (!order) throw http::HttpError(404, "Order not found");
    co_return std::move(*order);
}

// [snippet: background]
Task<> send_confirmation(std::int64_t order_id, std::string email, Logger& log) {
    co_await async::sleep_for(std::chrono::seconds(1));
    log.warning("confirmation sent", {{"order.id", order_id}, {"order.email", email}});
}
// [/snippet]

// [snippet: create]
Task<Order> create_order(OrderIn order, User, db::Pool& database, BackgroundTasks& background,
                         Logger& log, Reply& reply) {
    Order made;
    try {
        co_await database.transaction([&](db::Transaction& transaction) -> Task<> {
            made = co_await transaction.execute_one<Order>(
                "INSERT INTO orders (reference, customer, email, status, note)"
                " VALUES ($1, $2, $3, $4, $5) RETURNING *",
                *order.reference, *order.customer, *order.email, *order.status, *order.note);
            std::vector<std::tuple<std::int64_t, std::string, int, double>> items;
            for (const Item& item : *order.items)
                items.emplace_back(made.id, *item.sku, *item.quantity, *item.price);
            co_await transaction.execute_many(
                "INSERT INTO order_items (order_id, sku, quantity, price) VALUES ($1, $2, $3, $4)",
                items);
        });
    } catch (const db::UniqueViolation&) {
        throw http::HttpError(409, "An order with this reference exists");
    }
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
    if (!order) throw http::HttpError(404, "Order not found");
    co_return std::move(*order);
}

Task<> delete_order(std::int64_t order_id, User, db::Pool& database) {
    const auto deleted = co_await database.execute("DELETE FROM orders WHERE id = $1", order_id);
    if (deleted == 0) throw http::HttpError(404, "Order not found");
}

Task<Summary> summary(db::Pool& database) {
    auto [users, orders] =
        co_await async::all(database.fetch_value<std::int64_t>("SELECT count(*) FROM users"),
                            database.fetch_value<std::int64_t>("SELECT count(*) FROM orders"));
    co_return Summary{users, orders};
}

// [snippet: upstream]
std::unique_ptr<client::HttpClient> rates(Metrics& metrics) {
    return std::make_unique<client::HttpClient>(
        metrics, client::HttpClientOptions{.base_url = "http://127.0.0.1:18510",
                                           .timeout = std::chrono::seconds(2)});
}

Task<JsonText> upstream(client::HttpClient& http) {
    try {
        const client::Response answer = co_await http.get("/rate");
        co_return answer.raise_for_status().json<JsonText>();
    } catch (const client::Error&) {
        throw http::HttpError(502, "The rate service does not answer");
    }
}
// [/snippet]

// [snippet: export]
Task<http::StreamingResponse> export_orders(db::Pool& database) {
    co_return http::stream("text/csv", [&database](http::Sink& out) -> Task<> {
        auto rows = database.stream<Line>("SELECT id, reference, email FROM orders ORDER BY id");
        while (const auto batch = co_await rows.next()) {
            std::string lines;
            for (const auto& [id, reference, email] : *batch)
                lines += fmt::format("{},{},{}\n", id, reference, email);
            co_await out.write(std::move(lines));
        }
    });
}
// [/snippet]

}  // namespace

Module endpoints() {
    Module module;
    module.provide<rates>();
    module.get<list_orders>("/orders");
    module.get<get_order>("/orders/{order_id}");
    // [snippet: post]
    module.post<create_order>("/orders", {.status = 201});
    // [/snippet]
    module.patch<patch_order>("/orders/{order_id}");
    module.del<delete_order>("/orders/{order_id}");
    module.get<summary>("/summary");
    module.get<upstream>("/upstream");
    module.get<export_orders>("/orders.csv");
    return module;
}

}  // namespace orders
