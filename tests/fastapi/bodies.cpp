// Models, JSON texts and their content types.
#include <cstdint>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <variant>
#include <vector>

#include "fastapi/app.hpp"
#include "fastapi/enums.hpp"
#include "fastapi/item.hpp"
#include "signalbox/fast/json_writer.hpp"

namespace fastapi {

namespace {

using namespace signalbox::api;  // NOLINT: the words of models
using signalbox::async::Task;

/// Answers with what it is sent.
template <class T>
Task<T> echo(T body) {
    co_return body;
}

struct Order {
    Field<std::string, MinLength(3), MaxLength(20)> reference;
    Email email;
    Field<Status> status = Status::open;
    Field<std::optional<std::string>, MaxLength(10)> note;
    Field<std::vector<Item>, MinLength(1)> items;
};

struct Defaults {
    Field<std::string> name = "unnamed";
    Field<std::int64_t, Ge(1)> count = 7;
    Field<double> ratio = 0.5;
    Field<Status> status = Status::open;
    Field<std::vector<std::string>> tags = std::vector<std::string>{"new"};
};

struct Optionals {
    Field<std::optional<std::string>, MinLength(2)> note;
    std::optional<std::int64_t> count;
    std::optional<Item> item;
};

struct Nullable {
    Field<std::optional<std::string>, Required{}> note;
    Field<std::optional<std::int64_t>, Required{}, Ge(0)> count;
};

/// Of a PATCH: what is set, be it null, and no more.
struct NotWhole {
    Field<std::optional<std::string>> note;
    Field<std::optional<Status>> status;
};
Task<signalbox::JsonText> patch(NotWhole body) {
    std::string json;
    signalbox::JsonWriter writer(json);
    writer.begin_object();
    if (body.note.is_set()) writer.key<"note">().verbatim(signalbox::model::to_json(*body.note));
    if (body.status.is_set())
        writer.key<"status">().verbatim(signalbox::model::to_json(*body.status));
    writer.end_object();
    co_return signalbox::JsonText(json);
}

struct Aliased {
    Field<std::int64_t, Alias("orderId")> order_id;
    Field<std::string, Alias("class")> kind = "any";
};

struct Strict {
    static constexpr auto extra = Extra::forbid;
    std::string name;
    std::optional<Item> item;
};

struct Base {
    Field<std::int64_t, Ge(1)> id;
};
/// A member that a derived model declares again stands where it stood in its base: it is not
/// flattened, but written.
struct Derived {
    Flatten<Base> base;
    Field<std::string, MinLength(2)> name = "derived";
    bool extra;
};

struct Inner {
    std::int64_t depth;
    Field<std::map<std::string, std::vector<Item>>> leaf =
        std::map<std::string, std::vector<Item>>{};
};
struct Outer {
    Inner inner;
    Field<std::vector<Inner>> others = std::vector<Inner>{};
};

struct Card {
    Literal<"card"> method;
    Field<std::string, Pattern("^[0-9]{4}$")> number;
};
struct Transfer {
    Literal<"transfer", "wire"> method;
    std::string iban;
    Field<Decimal, Gt(0)> amount;
};
struct Payment {
    Field<std::variant<Card, Transfer>, Discriminator("method")> payment;
};

struct Interval {
    Field<std::int64_t, Ge(0)> first;
    Field<std::int64_t, Le(100)> last;

    void validate() const {
        if (*first > *last) throw std::invalid_argument("first is after last");
    }
};
struct Intervals {
    Field<std::vector<Interval>> intervals = std::vector<Interval>{};
    std::optional<Interval> whole;
};

struct CheckedPage {
    Field<std::int64_t, Ge(1)> page = 1;
};
std::int64_t checked_page(Query<CheckedPage> query) {
    return *query->page;
}

struct MixedCookies {
    std::int64_t session;
};
struct MixedHeaders {
    std::int64_t x_depth;
};
struct MixedQuery {
    Field<std::int64_t, Le(10)> limit;
};
struct Mixed {
    Item item;
    std::int64_t session, x_depth, limit, id, page;
};
Task<Mixed> mixed(Item item, Cookies<MixedCookies> cookies, Headers<MixedHeaders> headers,
                  Query<MixedQuery> query, std::int64_t id, Depends<checked_page> page) {
    co_return Mixed{item, cookies->session, headers->x_depth, *query->limit, id, *page};
}

struct Note {
    std::string text;
    Field<double> number = 0.0;
};

struct Tree {
    Field<std::vector<Tree>> children = std::vector<Tree>{};
};
struct Depth {
    std::int64_t depth;
};
Task<Depth> deep(Tree tree) {
    std::int64_t depth = 1;
    for (const Tree* at = &tree; !at->children->empty(); at = &at->children->front())
        ++depth;
    co_return Depth{depth};
}

}  // namespace

Module bodies() {
    Module module;
    module.post<echo<Item>>("/body/item");
    module.post<echo<Order>>("/body/order");
    module.post<echo<std::vector<Item>>>("/body/list-of-models");
    module.post<echo<std::map<std::string, Item>>>("/body/dict-of-models");
    module.post<echo<Defaults>>("/body/default");
    module.post<echo<Optionals>>("/body/optional");
    module.post<echo<Nullable>>("/body/nullable");
    module.patch<patch>("/body/patch");
    module.post<echo<Aliased>>("/body/alias");
    module.post<echo<Strict>>("/body/forbid");
    module.post<echo<Derived>>("/body/inherited");
    module.post<echo<Outer>>("/body/nested");
    module.post<echo<Payment>>("/body/union");
    module.post<echo<Interval>>("/body/validator");
    module.post<echo<Intervals>>("/body/validator-nested");
    module.post<echo<std::optional<Item>>>("/body/may-be-missing");
    module.post<mixed>("/mixed/{id}");
    for (const std::string rule :
         {"syntax", "literals", "strings", "escapes", "numbers", "structure", "encoding"}) {
        module.post<echo<Note>>("/json/" + rule);
    }
    module.post<echo<Note>>("/content/type");
    module.post<echo<Note>>("/content/body");
    module.post<deep>("/json/deep");
    module.post<echo<std::map<std::string, std::int64_t>>>("/json/duplicates");
    return module;
}

}  // namespace fastapi
