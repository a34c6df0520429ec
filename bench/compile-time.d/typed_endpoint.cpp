// An endpoint with three models: what it takes, what is in that, and what it returns.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "signalbox/api/module.hpp"

namespace {

using namespace signalbox::api;
using signalbox::async::Task;

enum class Status { open, paid, shipped };

struct Item {
    Field<std::string, MinLength(1), MaxLength(40)> sku;
    Field<int, Ge(1), Le(100)> quantity = 1;
    Field<double, Gt(0)> price;
};

struct OrderIn {
    Field<std::string, MinLength(3), MaxLength(20)> reference;
    Email email;
    Field<Status> status = Status::open;
    Field<std::vector<Item>, MinLength(1)> items;
};

struct Order {
    std::int64_t id;
    std::string reference;
    Status status;
    std::optional<std::string> note;
    DateTime created_at;
};

Task<Order> create_order(OrderIn order, Reply& reply) {
    reply.header("Location", "/orders/1");
    co_return Order{1, *order.reference, *order.status, std::nullopt, {}};
}

}  // namespace

signalbox::api::Module orders() {
    signalbox::api::Module module;
    module.post<create_order>("/orders", {.status = 201});
    return module;
}
