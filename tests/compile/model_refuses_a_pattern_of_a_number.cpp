// error: a pattern is a rule for std::string
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "signalbox/api/module.hpp"

using namespace signalbox::api;
using signalbox::async::Task;

struct Item {
    Field<int, Pattern("^x$")> id;
};
Task<> add_item(Item) {
    co_return;
}

void add(Module& module) {
    module.post<add_item>("/items");
}
