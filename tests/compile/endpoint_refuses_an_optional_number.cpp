// error: a std::optional number or text is of no place in a request: make it a member of a Query<…>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "signalbox/api/module.hpp"

using namespace signalbox::api;
using signalbox::async::Task;

Task<int> list(std::optional<int> limit) {
    co_return limit.value_or(1);
}

void add(Module& module) {
    module.post<list>("/items");
}
