// What answers of many rows take of memory while they are made.

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <cstddef>
#include <cstdint>
#include <fstream>
#include <limits>
#include <pqxx/pqxx>
#include <stdexcept>
#include <string>
#include <string_view>

#include "signalbox/api/module.hpp"
#include "signalbox/db/detail/model_rows.hpp"
#include "signalbox/db/detail/rows_json.hpp"
#include "signalbox/db/pool.hpp"
#include "signalbox/db/pool_options.hpp"
#include "signalbox/testing/client.hpp"
#include "signalbox/testing/postgres.hpp"
#include "support/memory_use.hpp"
#include "support/sanitized.hpp"

namespace signalbox::test {
namespace {

using async::Task;

constexpr std::size_t MiB = 1024 * 1024;

/// For as long as it lives the process can have so much more.
class MemoryLimit {
  public:
    explicit MemoryLimit(std::size_t more) {
        if (::getrlimit(RLIMIT_AS, &before_) != 0) throw std::runtime_error("getrlimit");
        set({memory("VmSize") + more, before_.rlim_max});
    }
    ~MemoryLimit() { ::setrlimit(RLIMIT_AS, &before_); }
    MemoryLimit(const MemoryLimit&) = delete;
    MemoryLimit& operator=(const MemoryLimit&) = delete;

  private:
    static void set(const rlimit& limit) {
        if (::setrlimit(RLIMIT_AS, &limit) != 0) throw std::runtime_error("setrlimit");
    }
    rlimit before_{};
};

struct User {
    std::int64_t id;
    std::string name;
};

Task<JsonText> all_columns(db::Pool& database) {
    return database.fetch_all("SELECT * FROM users ORDER BY id");
}
Task<api::Rows<User>> described(db::Pool& database) {
    return database.fetch_rows<User>("SELECT * FROM users ORDER BY id");
}

TEST(LargeAnswers, are_made_whatever_the_first_row_is_like) {
    if (sanitized) GTEST_SKIP() << "which takes address space as it likes";
    const auto url = PostgresServer::shared().create_database();
    execute(url,
            "CREATE TABLE users AS SELECT 0::bigint AS id, repeat('x', 1000000) AS name"
            " UNION ALL SELECT i, repeat('y', 50) FROM generate_series(1, 30000) AS i");
    db::Pool pool{{.url = url, .size = 1}};
    pool.connect();
    api::Module module;
    module.get<all_columns>("/all").get<described>("/described");
    Client client(module);
    client.replace(pool);
    EXPECT_EQ(client.get("/none").status, 404) << "and all threads are there";
    const MemoryLimit limit(64 * MiB);
    for (const std::string_view path : {"/all", "/described"}) {
        const auto response = client.get(path);
        EXPECT_EQ(response.status, 200) << path;
        EXPECT_GT(response.body.size(), 3'000'000U);
        EXPECT_TRUE(response.body.ends_with("\"}]"));
    }
}

TEST(LargeAnswers, take_little_more_than_their_bytes_while_they_are_made) {
    if (sanitized) GTEST_SKIP() << "which keeps what is freed";
    pqxx::connection connection{PostgresServer::shared().create_database()};
    pqxx::nontransaction transaction{connection};
    // Rows that become longer: no first one tells how long the others are.
    const auto rows = transaction.exec(
        "SELECT i::bigint AS id, repeat('x', i / 30) AS name FROM generate_series(1, 60000) AS i");
    const auto expect_little = [](auto make) {
        JsonText json;
        const std::size_t peak = peak_of([&] { json = make(); });
        EXPECT_GT(json.text().size(), 50 * MiB);
        EXPECT_LT(peak, json.text().size() * 21 / 20 + MiB);
        const std::size_t before = memory("VmRSS");
        json = {};
        EXPECT_LT(memory("VmRSS"), before - 50 * MiB) << "and give it back";
    };
    expect_little([&] { return db::rows_json(rows); });
    expect_little([&] {
        return db::model_rows_json(rows, db::row_form<User, db::RowForm::Shape::json_rows>);
    });
}

TEST(LargeAnswers, of_one_value_take_little_more_than_its_bytes) {
    if (sanitized) GTEST_SKIP() << "which keeps what is freed";
    pqxx::connection connection{PostgresServer::shared().create_database()};
    pqxx::nontransaction transaction{connection};
    const auto rows = transaction.exec("SELECT 1::bigint AS id, repeat('x', 50000000) AS name");
    const auto expect_little = [](auto make) {
        JsonText json;
        const std::size_t peak = peak_of([&] { json = make(); });
        EXPECT_GT(json.text().size(), 50'000'000U);
        EXPECT_LT(peak, json.text().size() * 21 / 20 + MiB);
    };
    expect_little([&] { return db::rows_json(rows); });
    expect_little([&] {
        return db::model_rows_json(rows, db::row_form<User, db::RowForm::Shape::json_rows>);
    });
}

}  // namespace
}  // namespace signalbox::test
