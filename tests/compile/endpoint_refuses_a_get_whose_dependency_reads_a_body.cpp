// error: a GET has no body (RFC 9110, section 9.3.1): did you mean Query<…>?
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "signalbox/api/module.hpp"

using namespace signalbox::api;
using signalbox::async::Task;

struct Page {
    int limit;
};
Page page(Page sent) {
    return sent;
}
Task<int> list(Depends<page> sent) {
    co_return sent->limit;
}

void add(Module& module) {
    module.get<list>("/items");
}
