// error: write a std::vector<Field<bool>>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "signalbox/api/module.hpp"

using namespace signalbox::api;
using signalbox::async::Task;

struct Answers {
    std::vector<bool> yes;
};
Task<> vote(Answers) {
    co_return;
}

void add(Module& module) {
    module.post<vote>("/votes");
}
