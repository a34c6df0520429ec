#include "app/users.hpp"

#include "signalbox/api/rows.hpp"

namespace signalbox::app {

async::Task<http::Response> get_users(db::Pool& database) {
    return api::json(database.stream("SELECT * FROM users"));
}

}  // namespace signalbox::app
