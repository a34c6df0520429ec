// error: a request has one body: make one struct of both
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "signalbox/api/module.hpp"

using namespace signalbox::api;
using signalbox::async::Task;

struct Item {
    int id;
};
struct User {
    int id;
};
Task<> sell(Item, User) {
    co_return;
}

void add(Module& module) {
    module.post<sell>("/sales");
}
