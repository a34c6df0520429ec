// error: a model has no base class: write a member Flatten<Base> instead
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "signalbox/api/module.hpp"

using namespace signalbox::api;
using signalbox::async::Task;

struct WithName {
    std::string name;
};
struct User : WithName {
    int id;
};
Task<> add_user(User) {
    co_return;
}

void add(Module& module) {
    module.post<add_user>("/users");
}
