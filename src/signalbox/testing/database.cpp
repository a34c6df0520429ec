#include "signalbox/testing/database.hpp"

#include <exception>
#include <iostream>
#include <utility>

#include "signalbox/testing/database_server.hpp"
#include "signalbox/testing/postgres.hpp"

namespace signalbox::test {

Database::Database(const std::filesystem::path& migrations) {
    auto [name, url] = DatabaseServer::shared().create(migrations);
    name_ = std::move(name);
    url_ = std::move(url);
}

Database::~Database() {
    try {
        DatabaseServer::shared().drop(name_);
    } catch (const std::exception& error) {
        std::cerr << "test::Database: " << error.what() << '\n';
    }
}

void Database::execute(const std::string& sql) const {
    test::execute(url_, sql);
}

std::string Database::value(const std::string& sql) const {
    return query_value(url_, sql);
}

}  // namespace signalbox::test
