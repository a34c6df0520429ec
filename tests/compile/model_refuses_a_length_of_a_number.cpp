// error: a length is a rule for std::string, std::vector and std::map
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "signalbox/api/module.hpp"

using namespace signalbox::api;
using signalbox::async::Task;

struct Item {
    Field<int, MinLength(1)> id;
};
Task<> add_item(Item) {
    co_return;
}

void add(Module& module) {
    module.post<add_item>("/items");
}
