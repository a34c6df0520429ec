// error: a handler returns async::Task<…>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "signalbox/api/module.hpp"

using namespace signalbox::api;
using signalbox::async::Task;

int answer() {
    return 42;
}

void add(Module& module) {
    module.get<answer>("/answer");
}
