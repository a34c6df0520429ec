#include "orders.hpp"

#include <string>

#include "signalbox/api/logger.hpp"
#include "signalbox/api/metrics.hpp"
#include "signalbox/async/task.hpp"
#include "signalbox/db/error.hpp"
#include "signalbox/db/pool.hpp"
#include "signalbox/http/errors.hpp"
#include "signalbox/http/request.hpp"
#include "signalbox/http/response.hpp"
#include "signalbox/random.hpp"

namespace orders {
namespace {

using namespace signalbox;
using http::HttpError;

constexpr std::size_t longest_name = 200;

constexpr auto newest_sql = R"(
    SELECT id, name, created_at
      FROM orders
     ORDER BY created_at DESC, id
     LIMIT $1)";
constexpr auto one_sql = R"(
    SELECT id, name, created_at
      FROM orders
     WHERE id = $1)";
// The pool runs a statement a second time when its connection broke in the middle of the first. As
// the id is known before, both make the same row.
constexpr auto insert_sql = R"(
    INSERT INTO orders (id, name)
    VALUES ($1, $2)
        ON CONFLICT (id) DO UPDATE SET id = excluded.id
    RETURNING id, name, created_at)";

struct Counters {
    api::Counter created;
};

Counters counters(api::Metrics& metrics) {
    return {metrics.counter("orders_created_total", "Created.")};
}

/// Random (RFC 9562, section 5.4).
std::string new_id() {
    std::string id(32, '0');
    fill_with_random_hex(id);
    id[12] = '4';
    id[16] = '8';
    return id;
}

/// The one row of a JSON array, an object.
std::string one_of(std::string_view rows) {
    return std::string(rows.substr(1, rows.size() - 2));
}

async::Task<http::Response> list_all(db::Pool& database, const Settings& settings) {
    co_return http::json(co_await database.fetch_all(newest_sql, settings.list_limit));
}

async::Task<http::Response> find_one(http::Request& request, db::Pool& database) {
    const auto id = request.path_parameter("id").value_or("");
    if (!is_id(id)) throw HttpError(404);
    const auto rows = co_await database.fetch_all(one_sql, id);
    if (rows.text() == "[]") throw HttpError(404);
    co_return http::Response{.body = one_of(rows.text())};
}

async::Task<std::string> insert_new(db::Pool& database, const std::string& id,
                                    const std::string& name) {
    try {
        const auto rows = co_await database.fetch_all(insert_sql, id, name);
        co_return one_of(rows.text());
    } catch (const db::Error& error) {
        // Class 22 is "data exception", for instance what is no UTF-8.
        if (error.sqlstate().starts_with("22")) throw HttpError(422, "name: no valid text");
        throw;
    }
}

async::Task<http::Response> add_one(http::Request& request, db::Pool& database, Counters& counters,
                                    api::Logger& log) {
    const std::string name = request.query_parameter("name").value_or("");
    if (name.empty() || name.size() > longest_name || name.find('\0') != name.npos)
        throw HttpError(422, "name: 1 to 200 bytes, none of them zero");

    const std::string id = new_id();
    const auto row = co_await insert_new(database, id, name);
    counters.created.increment();
    log.info("created", {{"orders.id", id}});

    http::Response response{.status = 201, .body = row};
    response.headers.emplace_back("Location", "/orders/" + id);
    co_return response;
}

}  // namespace

config::Settings flags(Settings& settings) {
    config::Settings flags("Orders");
    flags.add("--orders-list-limit", settings.list_limit, "rows of a list", {1, 1000});
    return flags;
}

bool is_id(std::string_view text) {
    const bool dashes = text.size() == 36;
    if (!dashes && text.size() != 32) return false;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        if (dashes && (i == 8 || i == 13 || i == 18 || i == 23)) {
            if (c != '-') return false;
        } else if (!(c >= '0' && c <= '9') && !(c >= 'a' && c <= 'f') && !(c >= 'A' && c <= 'F')) {
            return false;
        }
    }
    return true;
}

api::Module endpoints() {
    api::Module module;
    module.provide<counters>();
    module.get<list_all>("/orders");
    module.get<find_one>("/orders/{id}");
    module.post<add_one>("/orders");
    return module;
}

}  // namespace orders
