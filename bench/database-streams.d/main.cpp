// What bench/database-streams measures: a table of any size, and another route beside it that uses
// the database.

#include <cstdint>
#include <string>

#include "signalbox/api/rows.hpp"
#include "signalbox/application.hpp"
#include "signalbox/db/pool.hpp"
#include "signalbox/http/response.hpp"

namespace {

using namespace signalbox;

struct User {
    std::int64_t id;
    std::string name;
    std::string email;
};

async::Task<http::Response> get_users(db::Pool& database) {
    return api::json(database.stream("SELECT * FROM users"));
}

async::Task<db::Rows<User>> get_first_users(db::Pool& database) {
    co_return co_await database.unshared().fetch_rows<User>(
        "SELECT id, name, email FROM users WHERE id <= 10");
}

}  // namespace

int main(int argc, char** argv) {
    Application app({.name = "signalbox-bench-database-streams", .title = "Database streams"});
    app.get<get_users>("/users");
    app.get<get_first_users>("/first-users");
    return app.run(argc, argv);
}
