// error: a dependency does not know the path that it is used in: take a Path<…> struct
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "signalbox/api/module.hpp"

using namespace signalbox::api;
using signalbox::async::Task;

int doubled(int number) {
    return 2 * number;
}
Task<int> get(Depends<doubled> number) {
    co_return *number;
}

void add(Module& module) {
    module.get<get>("/numbers/{number}");
}
