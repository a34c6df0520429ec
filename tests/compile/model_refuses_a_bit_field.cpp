// error: cannot bind bit-field
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "signalbox/api/module.hpp"

using namespace signalbox::api;
using signalbox::async::Task;

struct Flags {
    unsigned seen : 1;
    unsigned sent : 1;
};
Task<> set(Flags) {
    co_return;
}

void add(Module& module) {
    module.post<set>("/flags");
}
