// docs/endpoints.md, "One that uses the database".
#pragma once

#include <cstdint>
#include <string>

#include "signalbox/api/parameters.hpp"
#include "signalbox/async/task.hpp"
#include "signalbox/db/pool.hpp"

namespace signalbox::app {

// [snippet: declaration]
struct UserIn {
    api::Field<std::string, api::MinLength(1), api::MaxLength(80)> name;
    api::Email email;
};

struct User {
    std::int64_t id;
    std::string name;
    std::string email;
    api::DateTime created_at;
};

async::Task<db::Row<User>> get_user(std::int64_t id, db::Pool& database);
async::Task<db::Row<User>> create_user(UserIn user, db::Pool& database);
// [/snippet]

}  // namespace signalbox::app
