// error: or a struct without constructors and private members
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "signalbox/api/module.hpp"

using namespace signalbox::api;
using signalbox::async::Task;

class User {
  public:
    int id = 0;

  private:
    int secret_ = 0;
};
Task<> add_user(User) {
    co_return;
}

void add(Module& module) {
    module.post<add_user>("/users");
}
