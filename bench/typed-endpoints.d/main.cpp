// The same endpoints twice: declared by their functions' types, and written by hand.

#include <rapidjson/document.h>

#include <charconv>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "signalbox/application.hpp"
#include "signalbox/fast/json_writer.hpp"
#include "signalbox/http/errors.hpp"

namespace {

using namespace signalbox;
using namespace signalbox::api;
using async::Task;

enum class Status { open, paid, shipped };

struct Item {
    Field<std::string, MinLength(1), MaxLength(40)> sku;
    Field<int, Ge(1), Le(100)> quantity = 1;
    Field<double, Gt(0)> price;
};
struct OrderIn {
    Field<std::string, MinLength(3), MaxLength(20)> reference;
    Field<std::string, MinLength(1), MaxLength(80)> customer;
    Field<Status> status = Status::open;
    Field<std::optional<std::string>, MaxLength(500)> note;
    Field<std::vector<Item>, MinLength(1)> items;
};
struct Created {
    std::string reference;
    int items;
};
struct Page {
    Field<int, Ge(1), Le(100)> limit = 20;
    Field<int, Ge(0)> offset = 0;
};

Task<Created> create(OrderIn order) {
    co_return Created{*order.reference, static_cast<int>(order.items->size())};
}

std::string text_of(const rapidjson::Value& object, const char* name, std::size_t least,
                    std::size_t most) {
    const auto member = object.FindMember(name);
    if (member == object.MemberEnd() || !member->value.IsString()) throw http::HttpError(422);
    std::string text(member->value.GetString(), member->value.GetStringLength());
    if (text.size() < least || text.size() > most) throw http::HttpError(422);
    return text;
}

/// As one writes it with rapidjson: into the same struct, with the same bounds.
Task<http::Response> create_by_hand(http::Request& request) {
    rapidjson::Document document;
    document.Parse(request.body.data(), request.body.size());
    if (document.HasParseError() || !document.IsObject()) throw http::HttpError(422);
    OrderIn order;
    order.reference = text_of(document, "reference", 3, 20);
    order.customer = text_of(document, "customer", 1, 80);
    if (document.HasMember("status")) {
        const std::string status = text_of(document, "status", 1, 10);
        if (status == "open") {
            order.status = Status::open;
        } else if (status == "paid") {
            order.status = Status::paid;
        } else if (status == "shipped") {
            order.status = Status::shipped;
        } else {
            throw http::HttpError(422);
        }
    }
    if (document.HasMember("note") && !document["note"].IsNull())
        order.note = text_of(document, "note", 0, 500);
    const auto items = document.FindMember("items");
    if (items == document.MemberEnd() || !items->value.IsArray() || items->value.Empty())
        throw http::HttpError(422);
    for (const auto& each : items->value.GetArray()) {
        if (!each.IsObject()) throw http::HttpError(422);
        Item item;
        item.sku = text_of(each, "sku", 1, 40);
        if (each.HasMember("quantity")) {
            if (!each["quantity"].IsInt()) throw http::HttpError(422);
            const int quantity = each["quantity"].GetInt();
            if (quantity < 1 || quantity > 100) throw http::HttpError(422);
            item.quantity = quantity;
        }
        if (!each.HasMember("price") || !each["price"].IsNumber()) throw http::HttpError(422);
        item.price = each["price"].GetDouble();
        if (!(*item.price > 0)) throw http::HttpError(422);
        (*order.items).push_back(std::move(item));
    }
    http::Response response;
    std::string json;
    JsonWriter(json)
        .begin_object()
        .key<"reference">()
        .value(*order.reference)
        .key<"items">()
        .value(static_cast<int>(order.items->size()))
        .end_object();
    response.body = std::move(json);
    co_return response;
}

Task<Page> list(Query<Page> page) {
    co_return *page;
}

int number_of(const http::Request& request, std::string_view name, int otherwise, int least,
              int most) {
    const auto text = request.query_parameter(name);
    if (!text) return otherwise;
    int number = 0;
    const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), number);
    if (error != std::errc{} || end != text->data() + text->size() || number < least ||
        number > most) {
        throw http::HttpError(422);
    }
    return number;
}

Task<http::Response> list_by_hand(http::Request& request) {
    const int limit = number_of(request, "limit", 20, 1, 100);
    const int offset = number_of(request, "offset", 0, 0, 1 << 30);
    http::Response response;
    std::string json;
    JsonWriter(json)
        .begin_object()
        .key<"limit">()
        .value(limit)
        .key<"offset">()
        .value(offset)
        .end_object();
    response.body = std::move(json);
    co_return response;
}

}  // namespace

int main(int argc, char** argv) {
    signalbox::Application app({.name = "typed-endpoints", .title = "Typed endpoints"});
    app.post<create>("/orders");
    app.post<create_by_hand>("/orders-by-hand");
    app.get<list>("/list");
    app.get<list_by_hand>("/list-by-hand");
    return app.run(argc, argv);
}
