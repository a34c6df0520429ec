// error: or a struct without constructors and private members
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "signalbox/api/module.hpp"

using namespace signalbox::api;
using signalbox::async::Task;

struct User {
    explicit User(int number) : id(number) {}
    int id;
};
Task<> add_user(std::vector<User>) {
    co_return;
}

void add(Module& module) {
    module.post<add_user>("/users");
}
