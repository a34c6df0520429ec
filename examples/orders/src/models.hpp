#pragma once

#include "signalbox/signalbox.hpp"

// What requests and responses are made of. A plain member has to be sent, a Field can have rules
// and a default.
namespace orders {

using namespace signalbox;
using namespace signalbox::api;
using async::Task;

// [snippet: order-in]
enum class Status { open, paid, shipped };

struct Item {
    Field<std::string, MinLength(1), MaxLength(40)> sku;
    Field<int, Ge(1), Le(100)> quantity = 1;
    Field<double, Gt(0)> price;
};

struct OrderIn {
    Field<std::string, MinLength(3), MaxLength(20)> reference;
    Field<std::string, MinLength(1), MaxLength(80)> customer;
    Email email;
    Field<Status> status = Status::open;
    Field<std::optional<std::string>, MaxLength(500)> note;
    Field<std::vector<Item>, MinLength(1)> items;
};
// [/snippet]

struct OrderPatch {
    Field<std::optional<Status>> status;
    Field<std::optional<std::string>, MaxLength(500)> note;
};

struct Order {
    std::int64_t id;
    std::string reference;
    std::string customer;
    std::string email;
    Status status;
    Field<std::optional<std::string>, Required{}> note;
    DateTime created_at;
};

struct Page {
    Field<int, Ge(1), Le(100)> limit = 20;
    Field<std::int64_t, Ge(0)> offset = 0;
    std::optional<Status> status;
};

struct Line {
    std::int64_t id;
    std::string reference;
    std::string email;
};

struct Summary {
    std::int64_t users;
    std::int64_t orders;
};

}  // namespace orders
