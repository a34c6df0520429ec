#include "app/users.hpp"

namespace signalbox::app {

async::Task<http::Response> get_users(db::Pool& database) {
    co_return http::json(co_await database.fetch_all("SELECT * FROM users"));
}

}  // namespace signalbox::app
