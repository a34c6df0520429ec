// error: Path<…>, Query<…>, Headers<…> and Cookies<…> are of a struct
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "signalbox/api/module.hpp"

using namespace signalbox::api;
using signalbox::async::Task;

Task<int> list(Query<int> limit) {
    co_return *limit;
}

void add(Module& module) {
    module.get<list>("/items");
}
