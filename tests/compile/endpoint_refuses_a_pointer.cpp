// error: a service is taken as T&
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "signalbox/api/module.hpp"

using namespace signalbox::api;
using signalbox::async::Task;

struct Mailer;
Task<> mail(Mailer*) {
    co_return;
}

void add(Module& module) {
    module.post<mail>("/mails");
}
