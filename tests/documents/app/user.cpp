#include "app/user.hpp"

#include <optional>
#include <utility>

#include "signalbox/http/errors.hpp"

namespace signalbox::app {

// [snippet: get]
async::Task<db::Row<User>> get_user(std::int64_t id, db::Pool& database) {
    auto user = co_await database.fetch_row<User>("SELECT * FROM users WHERE id = $1", id);
    if (!user) throw http::HttpError(404, "User not found");
    co_return std::move(*user);
}
// [/snippet]

// [snippet: create]
async::Task<db::Row<User>> create_user(UserIn user, db::Pool& database) {
    auto made = co_await database.execute_row<User>(
        "INSERT INTO users (name, email) VALUES ($1, $2)"
        " ON CONFLICT (email) DO NOTHING RETURNING *",
        *user.name, *user.email);
    if (!made) throw http::HttpError(409, "A user with this email exists");
    co_return std::move(*made);
}
// [/snippet]

}  // namespace signalbox::app
