// error: a std::variant has to say which it is: Field<std::variant<…>, Discriminator("type")>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "signalbox/api/module.hpp"

using namespace signalbox::api;
using signalbox::async::Task;

struct Card {
    std::string number;
};
struct Cash {
    int amount;
};
struct Payment {
    Field<std::variant<Card, Cash>> by;
};
Task<> pay(Payment) {
    co_return;
}

void add(Module& module) {
    module.post<pay>("/payments");
}
