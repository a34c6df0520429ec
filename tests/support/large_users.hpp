#pragma once

#include <string>

#include "signalbox/testing/postgres.hpp"
#include "support/service.hpp"

namespace signalbox::test {

/// A database whose /users are some 2.2 MB in few rows, so that they are one answer that all who
/// ask for it share, and not a stream.
inline std::string database_with_large_users() {
    std::string database = database_with_users(1000);
    execute(database, "UPDATE users SET name = name || repeat(' and more', 230)");
    return database;
}

}  // namespace signalbox::test
