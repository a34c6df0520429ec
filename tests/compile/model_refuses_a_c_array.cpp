// error: a model has no C array: write a std::vector
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "signalbox/api/module.hpp"

using namespace signalbox::api;
using signalbox::async::Task;

struct Line {
    int points[4];
    int width;
};
Task<> draw(Line) {
    co_return;
}

void add(Module& module) {
    module.post<draw>("/lines");
}
