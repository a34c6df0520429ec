// error: two or more parameters of the path are the members of a Path<…> struct
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "signalbox/api/module.hpp"

using namespace signalbox::api;
using signalbox::async::Task;

Task<int> difference(int from, int until) {
    co_return until - from;
}

void add(Module& module) {
    module.get<difference>("/from/{from}/until/{until}");
}
