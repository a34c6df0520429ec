// Responses of every kind, and routes.
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "fastapi/app.hpp"
#include "fastapi/item.hpp"

namespace fastapi {

namespace {

using namespace signalbox::api;  // NOLINT: the words of models
using signalbox::JsonText;
using signalbox::async::Task;
namespace http = signalbox::http;

/// What a row of the database would give, and has more than is to be seen.
struct Account {
    std::int64_t id;
    std::string name;
    Field<Decimal> balance = Decimal("0.00");
    std::optional<DateTime> since;
};
Account account(std::int64_t id) {
    Account ada;
    ada.id = id;
    ada.name = "Ada";
    ada.balance = Decimal("12.50");
    return ada;
}

Task<Account> filtered() {
    co_return account(1);
}
struct Count {
    Field<std::int64_t> count = 2;
};
Task<std::vector<Account>> list(Query<Count> query) {
    std::vector<Account> accounts;
    for (std::int64_t id = 1; id <= *query->count; ++id)
        accounts.push_back(account(id));
    co_return accounts;
}
Task<Account> missing() {
    throw std::logic_error("a column is missing");
    co_return Account{};
}
/// What is never null is not in the type.
struct AccountWithoutSince {
    std::int64_t id;
    std::string name;
    Decimal balance;
};
Task<AccountWithoutSince> without_none() {
    const Account ada = account(1);
    co_return AccountWithoutSince{ada.id, ada.name, *ada.balance};
}

Task<Item> created(Item item, Reply& reply) {
    reply.header("Location", "/items/" + *item.sku);
    co_return item;
}
Task<> no_content(std::int64_t id) {
    if (id == 0) throw http::HttpError(404, "No such thing");
    co_return;
}
Task<std::optional<std::int64_t>> nothing() {
    co_return std::nullopt;
}
struct Id {
    std::int64_t id;
};
Task<Id> status(std::int64_t id, Reply& reply) {
    if (id > 1) {
        reply.status = 202;
        reply.header("X-Queued", std::to_string(id));
    }
    co_return Id{id};
}

struct Detail {
    Field<std::string> detail = "text";
};
Task<> error(Field<int, Ge(400), Le(599)> status, Query<Detail> query) {
    const std::string detail = *query->detail;
    http::Headers headers{{"X-Reason", detail}, {"Retry-After", "7"}};
    if (detail == "null") throw http::HttpError(*status, {}, std::move(headers));
    if (detail == "object") {
        throw http::HttpError(*status, JsonText(R"({"code":17,"reasons":["first",null]})"),
                              std::move(headers));
    }
    if (detail == "list") {
        throw http::HttpError(*status, JsonText(R"([1,"two",{"three":3.0}])"), std::move(headers));
    }
    throw http::HttpError(*status, "It did not work", std::move(headers));
    co_return;
}

class Refused : public std::runtime_error {
  public:
    using std::runtime_error::runtime_error;
};
struct RefusedOut {
    std::string refused;
    std::string path;
};
http::Response answer_refused(const Refused& refused, http::Request& request) {
    return {.status = 409,
            .body = signalbox::model::to_json(RefusedOut{refused.what(), request.path})};
}
struct Reason {
    Field<std::string> reason = "because";
};
Task<> own_exception(Query<Reason> query) {
    throw Refused(*query->reason);
    co_return;
}

struct RedirectStatus {
    Field<int> status = 307;
};
Task<http::Response> redirect(Query<RedirectStatus> query) {
    co_return http::redirect("/response/nothing", *query->status);
}
struct Name {
    std::string name;
};
Task<http::Response> text(Query<Name> query) {
    co_return http::Response{.content_type = "text/plain; charset=utf-8",
                             .body = "Hello, " + query->name};
}

struct RouteOut {
    std::string route;
};
struct ThingOut {
    std::string route;
    std::string id;
};
Task<RouteOut> things() {
    co_return RouteOut{"things"};
}
Task<ThingOut> thing(std::string id) {
    co_return ThingOut{"thing", id};
}
Task<ThingOut> put_thing(std::string id) {
    co_return ThingOut{"put thing", id};
}

Module routes() {
    Module module;
    module.get<things>("/things");
    module.get<thing>("/things/{id}");
    module.put<put_thing>("/things/{id}");
    return module;
}

}  // namespace

Module responses() {
    Module module;
    module.get<filtered>("/response/filtered");
    module.get<list>("/response/list");
    module.get<missing>("/response/missing");
    module.get<without_none>("/response/without-none");
    module.post<created>("/response/created", {.status = 201});
    module.del<no_content>("/response/no-content/{id}");
    module.get<nothing>("/response/nothing");
    module.get<status>("/response/status/{id}");
    module.get<error>("/response/error/{status}");
    module.get<own_exception>("/response/own-exception");
    module.get<redirect>("/response/redirect");
    module.get<text>("/response/text");
    module.on_error<Refused, answer_refused>();
    module.include(routes(), "/v1/routes", {.tags = {"routes"}});
    return module;
}

}  // namespace fastapi
