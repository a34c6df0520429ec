// What a program reads from the database as types of its own, through the pool and endpoints.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <cmath>
#include <future>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "signalbox/api/module.hpp"
#include "signalbox/async/all.hpp"
#include "signalbox/db/pool.hpp"
#include "signalbox/db/pool_options.hpp"
#include "signalbox/observe/database_observer.hpp"
#include "signalbox/testing/client.hpp"
#include "signalbox/testing/postgres.hpp"
#include "signalbox/testing/run.hpp"
#include "support/eventually.hpp"
#include "support/locked_users.hpp"

namespace signalbox::test {
namespace {

using namespace std::chrono_literals;
using api::Bytes, api::DateTime, api::Decimal, api::Field, api::Literal, api::Uuid;
using async::Task;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

struct User {
    std::int64_t id;
    std::string name;
    std::optional<std::string> note;
    DateTime created_at;
};
struct PublicUser {
    std::string name;
};
struct WrongUser {
    std::int64_t id;
    std::string nickname;
};

/// Of three users, with a column that is nobody's business.
std::string database_with_secrets() {
    auto url = PostgresServer::shared().create_database();
    execute(url,
            "CREATE TYPE mood AS ENUM ('sad', 'happy'); CREATE TYPE place AS (x int, y int);"
            "CREATE TABLE users (id bigint, name text, note text, password_hash text,"
            " created_at timestamptz DEFAULT '2026-11-22 07:02:06.5+00');"
            "INSERT INTO users VALUES (1, 'Ada', NULL, 'secret'), (2, 'Grace', 'x', 'secret'),"
            " (3, 'Edsger', 'y', 'secret')");
    return url;
}

class TypedRows : public testing::Test {
  protected:
    TypedRows() { pool_.connect(); }

    const std::string url_ = database_with_secrets();
    db::Pool pool_{{.url = url_, .size = 2}};
};

constexpr std::string_view all_users = "SELECT * FROM users ORDER BY id";
constexpr std::string_view one_user = "SELECT * FROM users WHERE id = $1";

TEST_F(TypedRows, pass_on_what_the_type_has) {
    const db::Rows<PublicUser> rows = run(pool_.fetch_rows<PublicUser>(all_users));
    EXPECT_EQ(rows.json().text(), R"([{"name":"Ada"},{"name":"Grace"},{"name":"Edsger"}])");
    const auto row = run(pool_.fetch_row<User>(one_user, 2));
    ASSERT_TRUE(row);
    EXPECT_EQ(row->json().text(),
              R"({"id":2,"name":"Grace","note":"x","created_at":"2026-11-22T07:02:06.500000Z"})");
    EXPECT_FALSE(run(pool_.fetch_row<User>(one_user, 9)));
    EXPECT_THROW(run(pool_.fetch_row<User>(all_users)), db::ResultMismatch);
}

TEST_F(TypedRows, are_objects) {
    const std::vector<User> users = run(pool_.fetch_all<User>(all_users));
    ASSERT_EQ(users.size(), 3U);
    EXPECT_EQ(users[0].name, "Ada");
    EXPECT_EQ(users[0].note, std::nullopt);
    EXPECT_EQ(users[1].note, "x");
    EXPECT_EQ(users[2].created_at.text(), "2026-11-22T07:02:06.500000Z");

    EXPECT_EQ(run(pool_.fetch_one<PublicUser>(one_user, 1)).name, "Ada");
    EXPECT_EQ(run(pool_.fetch_optional<PublicUser>(one_user, 3))->name, "Edsger");
    EXPECT_FALSE(run(pool_.fetch_optional<PublicUser>(one_user, 9)));
    EXPECT_EQ(run(pool_.fetch_value<std::int64_t>("SELECT count(*) FROM users")), 3);
    EXPECT_EQ(run(pool_.fetch_value<std::optional<int>>("SELECT NULL::int")), std::nullopt);
    EXPECT_EQ(run(pool_.fetch_value<std::optional<int>>("SELECT 1 WHERE false")), std::nullopt);
}

template <class Read>
std::string mismatch(Read read) {
    try {
        run(read());
    } catch (const db::ResultMismatch& error) {
        return error.what();
    }
    ADD_FAILURE() << "no error";
    return {};
}

TEST_F(TypedRows, that_are_too_many_or_too_few_are_an_error) {
    EXPECT_THAT(mismatch([&] { return pool_.fetch_one<User>(one_user, 9); }),
                AllOf(HasSubstr("User"), HasSubstr("0 rows")));
    EXPECT_THAT(mismatch([&] { return pool_.fetch_one<User>(all_users); }), HasSubstr("3 rows"));
    EXPECT_THAT(mismatch([&] { return pool_.fetch_optional<User>(all_users); }),
                HasSubstr("3 rows"));
    EXPECT_THAT(mismatch([&] { return pool_.fetch_value<int>("SELECT 1 WHERE false"); }),
                HasSubstr("0 rows"));
}

TEST_F(TypedRows, that_do_not_fit_leave_the_connection_as_it_is) {
    EXPECT_THAT(mismatch([&] { return pool_.fetch_rows<WrongUser>(all_users); }),
                AllOf(HasSubstr("WrongUser"), HasSubstr("\"nickname\"")));
    const auto pid = "SELECT pg_backend_pid() WHERE $1 >= 0";
    db::Pool one({.url = url_, .size = 1});
    one.connect();
    const int before = run(one.fetch_value<int>(pid, 0));
    EXPECT_THROW(run(one.fetch_all<WrongUser>(all_users)), db::ResultMismatch);
    EXPECT_EQ(run(one.fetch_value<int>(pid, 1)), before);
}

/// Counts how often a statement was executed.
struct Executions : observe::DatabaseObserver {
    void executed(std::string_view, Duration, std::string_view error) override {
        ++count;
        if (!error.empty()) ++errors;
    }
    void waited(Duration) override {}
    void timed_out() override {}
    void shared_a_read() override { ++shared; }
    void retried(observe::Retry) override {}
    void transaction_ended(observe::TransactionOutcome, Duration) override {}
    void streamed(std::size_t, std::size_t) override {}
    void stream_ended(observe::StreamOutcome) override {}
    void connected(Duration) override {}
    void used(Duration) override {}

    std::atomic<int> count = 0, errors = 0, shared = 0;
};

TEST(SharedTypedRows, are_shared_by_those_who_want_the_same_type) {
    const std::string url = database_with_secrets();
    Executions executions;
    db::Pool pool(
        {.url = url, .application_name = "signalbox", .size = 1, .observer = &executions});
    pool.connect();

    std::optional<LockedUsers> lock(std::in_place, url);
    std::promise<void> all_wait;
    std::thread releases([&, waiting = all_wait.get_future()] {
        waiting.wait();
        EXPECT_TRUE(eventually([&] { return reads_held_by_a_lock(url) == 1; }));
        lock.reset();
    });
    constexpr int each = 20;
    std::vector<std::string> users, names, objects;
    const auto read_users = [&]() -> Task<> {
        const auto rows = co_await pool.fetch_rows<User>(all_users);
        users.emplace_back(rows.json().text());
    };
    const auto read_names = [&]() -> Task<> {
        const auto rows = co_await pool.fetch_rows<PublicUser>(all_users);
        names.emplace_back(rows.json().text());
    };
    const auto read_objects = [&]() -> Task<> {
        const auto rows = co_await pool.fetch_all<PublicUser>(all_users);
        objects.push_back(rows.at(0).name);
    };
    const auto say_so = [&]() -> Task<> {
        all_wait.set_value();
        co_return;
    };
    const auto read_all = [&]() -> Task<> {
        std::vector<Task<>> tasks;
        for (int i = 0; i < each; ++i) {
            tasks.push_back(read_users());
            tasks.push_back(read_names());
            tasks.push_back(read_objects());
        }
        tasks.push_back(say_so());
        co_await async::all(std::move(tasks));
    };
    run(read_all());
    releases.join();

    // The first one of users runs alone, when the others have not come yet or have.
    EXPECT_GE(executions.count, 3);
    EXPECT_LE(executions.count, 4);
    EXPECT_EQ(executions.errors, 0);
    EXPECT_GE(executions.shared, 3 * each - 4);
    EXPECT_EQ(users.size(), static_cast<std::size_t>(each));
    EXPECT_THAT(users, testing::Each(HasSubstr(R"("created_at")")));
    EXPECT_EQ(names.size(), static_cast<std::size_t>(each));
    EXPECT_THAT(names, testing::Each(R"([{"name":"Ada"},{"name":"Grace"},{"name":"Edsger"}])"));
    EXPECT_EQ(objects, std::vector<std::string>(each, "Ada"));
}

// --- Parameters ----------------------------------------------------------------------------------

enum class Mood { sad, happy };
enum class Status { open, in_transit };
constexpr auto wire_names(Status) {
    return std::array{std::pair{Status::open, "open"}, std::pair{Status::in_transit, "in transit"}};
}
enum class Priority { low = 1, high = 7 };
constexpr model::AsNumbers wire_names(Priority) {
    return {};
}
struct Address {
    std::string street;
    int floor;
    friend bool operator==(const Address&, const Address&) = default;
};

/// There and back: what PostgreSQL makes of a parameter is what is read.
template <class T>
T there_and_back(db::Pool& pool, const T& value, const std::string& type) {
    return run(pool.fetch_value<T>("SELECT $1::" + type, value));
}

TEST_F(TypedRows, hold_what_was_a_parameter) {
    using std::numeric_limits;
    using namespace std::chrono;
    const auto expect_same = [&](const auto& value, const std::string& type) {
        EXPECT_EQ(there_and_back(pool_, value, type), value) << type;
    };
    for (const double number : {1e-9, 0.1, -1.0 / 3, 5e-324, 1.7976931348623157e308, 0.0, 1e15,
                                123456789.125, numeric_limits<double>::infinity()})
        expect_same(number, "float8");
    for (const float number :
         {0.1F, 1e-9F, 3.4028235e38F, 1e-45F, -16777216.0F, -numeric_limits<float>::infinity()})
        expect_same(number, "float4");
    EXPECT_TRUE(std::signbit(there_and_back(pool_, -0.0, "float8")));
    EXPECT_TRUE(std::isnan(there_and_back(pool_, std::nan(""), "float8")));
    EXPECT_TRUE(std::isnan(there_and_back(pool_, std::nanf(""), "float4")));
    expect_same(2.5, "numeric");
    expect_same(1e-9, "numeric");
    const auto expect_ends = [&]<class Integer>(Integer, const std::string& type) {
        expect_same(numeric_limits<Integer>::min(), type);
        expect_same(numeric_limits<Integer>::max(), type);
    };
    expect_ends(std::int8_t(), "smallint");
    expect_ends(std::int16_t(), "smallint");
    expect_ends(std::int32_t(), "integer");
    expect_ends(std::int64_t(), "bigint");
    expect_ends(std::uint8_t(), "smallint");
    expect_ends(std::uint16_t(), "integer");
    expect_ends(std::uint32_t(), "bigint");
    expect_ends(std::uint32_t(), "oid");
    expect_same(std::uint64_t{9223372036854775807}, "bigint");
    for (const auto number : {numeric_limits<std::int64_t>::min(), std::int64_t{0},
                              numeric_limits<std::int64_t>::max()})
        expect_same(number, "bigint");
    expect_same(std::int16_t{-32768}, "smallint");
    expect_same(true, "boolean");
    expect_same(false, "boolean");
    for (const std::string number : {"12345678901234567890.0123456789", "0", "-0.10", "1E+30"})
        EXPECT_EQ(there_and_back(pool_, Decimal(number), "numeric").text(),
                  number == "1E+30" ? "1" + std::string(30, '0') : number);
    std::string every_byte;
    for (int byte = 0; byte < 256; ++byte)
        every_byte += static_cast<char>(byte);
    expect_same(Bytes{every_byte}, "bytea");
    expect_same(Bytes{}, "bytea");
    expect_same(std::optional<Bytes>(), "bytea");
    expect_same(std::vector<Bytes>{{every_byte}, {}, {"\"x, y\""}}, "bytea[]");
    expect_same(std::string("a \"quote\", 'x' and \\ \n ü"), "text");
    expect_same(std::string(), "text");
    expect_same(std::optional<std::string>(), "text");
    expect_same(std::vector<std::string>{"a \"b\", \\ {c}", "NULL", "", "ü"}, "text[]");
    expect_same(std::vector<std::optional<int>>{1, std::nullopt, 3}, "int[]");
    expect_same(std::optional<std::vector<std::optional<std::string>>>{{std::nullopt, "NULL"}},
                "text[]");
    expect_same(std::optional<std::vector<int>>(), "int[]");
    expect_same(std::vector<Mood>{Mood::happy, Mood::sad}, "mood[]");
    expect_same(std::vector<std::optional<Mood>>{std::nullopt, Mood::sad}, "mood[]");
    expect_same(std::vector<Mood>{}, "mood[]");
    expect_same(std::vector<std::string>{"sad"}, "mood[]");
    expect_same(std::vector<Priority>{Priority::high}, "int[]");
    expect_same(std::vector<Decimal>{Decimal("0.10")}, "numeric[]");
    expect_same(std::vector<double>{}, "float8[]");
    expect_same(std::optional<int>(7), "int");
    expect_same(Status::in_transit, "text");
    expect_same(std::optional(Mood::sad), "text");
    expect_same(Mood::happy, "mood");
    expect_same(std::optional<Mood>(), "mood");
    expect_same(Priority::high, "smallint");
    Uuid uuid;
    uuid.bytes = {0x6f, 0x96, 0x19, 0xff, 1, 2, 3};
    expect_same(uuid, "uuid");
    expect_same(std::optional(uuid), "uuid");
    expect_same(std::vector<Uuid>{uuid, {}}, "uuid[]");
    const sys_days day = 2026y / November / 22;
    expect_same(DateTime{day + 7h + 2min + 6s + 76478us, minutes(0)}, "timestamptz");
    expect_same(DateTime{day + 7h, minutes(0)}, "timestamptz");
    expect_same(DateTime{day + 7h + 1us, std::nullopt}, "timestamp");
    expect_same(DateTime{sys_days(1850y / January / 1) + 1us, minutes(0)}, "timestamptz");
    expect_same(year_month_day(day), "date");
    expect_same(year_month_day(1y / January / 1), "date");
    expect_same(std::vector<year_month_day>{9999y / December / 31}, "date[]");
    expect_same(DateTime{sys_days(1y / January / 1), minutes(0)}, "timestamptz");
    expect_same(DateTime{sys_days(9999y / December / 31) + 86399999999us, std::nullopt},
                "timestamp");
    expect_same(std::vector<DateTime>{{day + 1us, minutes(0)}}, "timestamptz[]");
    expect_same(std::vector<microseconds>{-1us, hours(25)}, "interval[]");
    for (const auto duration :
         {0us, 1us, -1us, -1500000us, 90000000000us, -90061000001us, microseconds(hours(100 * 24))})
        expect_same(duration, "interval");
    const DateTime elsewhere =
        there_and_back(pool_, DateTime{day + 7h, minutes(330)}, "timestamptz");
    EXPECT_EQ(elsewhere, (DateTime{day + 7h, minutes(0)})) << "the same moment, told in UTC";
    EXPECT_EQ(there_and_back(pool_, JsonText(R"({"a": [1]})"), "jsonb").text(), R"({"a": [1]})");
    EXPECT_EQ((there_and_back(pool_, std::map<std::string, int>{{"a", 1}}, "jsonb")),
              (std::map<std::string, int>{{"a", 1}}));
}

struct Document {
    Address address;
    Field<int> rank = 7;
};

TEST_F(TypedRows, hold_fields_and_structs_that_were_parameters) {
    const Document document{{"Main", 2}, 0};
    const auto read = run(pool_.fetch_one<Document>("SELECT $1::jsonb AS address, $2::int AS rank",
                                                    document.address, document.rank));
    EXPECT_EQ(read.address, document.address);
    EXPECT_EQ(*read.rank, 0);
}

TEST_F(TypedRows, are_those_of_an_array) {
    const std::vector<int> ids{1, 3};
    const auto users =
        run(pool_.fetch_all<User>("SELECT * FROM users WHERE id = ANY($1) ORDER BY id", ids));
    ASSERT_EQ(users.size(), 2U);
    EXPECT_EQ(users[1].name, "Edsger");
    const std::vector<std::string> names{"Ada", "a \"b\", \\ {c}", "NULL", ""};
    EXPECT_EQ(run(pool_.fetch_value<JsonText>("SELECT to_json($1::text[])", names)).text(),
              R"(["Ada","a \"b\", \\ {c}","NULL",""])");
}

TEST_F(TypedRows, are_refused_where_a_parameter_or_a_column_has_no_room) {
    using namespace std::chrono;
    constexpr auto largest = std::numeric_limits<std::uint64_t>::max();
    const auto expect_refused = [&](const auto& value, const std::string& type) {
        try {
            there_and_back(pool_, value, type);
            ADD_FAILURE() << type;
        } catch (const db::InvalidData& error) {
            EXPECT_NE(error.sqlstate(), "");
        }
    };
    expect_refused(largest, "bigint");
    expect_refused(-1, "oid[]");
    expect_refused(40000, "smallint");
    expect_refused(1e300, "float4");
    expect_refused(std::string("nobody"), "mood");
    expect_refused(std::string("a\0b", 3), "text");
    expect_refused(std::string("\xff"), "text");
    EXPECT_EQ(run(pool_.fetch_value<Decimal>("SELECT $1::numeric", largest)).text(),
              "18446744073709551615");
    EXPECT_THAT(mismatch([&] {
                    return pool_.fetch_value<std::uint64_t>("SELECT $1::numeric AS total", largest);
                }),
                AllOf(HasSubstr("\"total\""), HasSubstr("numeric"), HasSubstr("an integer")));
    EXPECT_THAT(mismatch([&] { return pool_.fetch_value<float>("SELECT '1e300'::float8 AS f"); }),
                AllOf(HasSubstr("\"f\""), HasSubstr("no room")));
    EXPECT_THAT(mismatch([&] { return pool_.fetch_value<double>("SELECT '1e400'::numeric AS f"); }),
                HasSubstr("no room"));
    EXPECT_THAT(
        mismatch([&] { return pool_.fetch_value<std::vector<Mood>>("SELECT 'sad'::mood AS m"); }),
        AllOf(HasSubstr("\"m\""), HasSubstr("is no array")));
    EXPECT_THAT(mismatch([&] {
                    return pool_.fetch_value<std::vector<std::string>>("SELECT ROW(1, 2)::place");
                }),
                HasSubstr("is no array"));
    EXPECT_THAT(mismatch([&] { return pool_.fetch_value<Bytes>("SELECT 'x' AS data"); }),
                AllOf(HasSubstr("\"data\""), HasSubstr("text"), HasSubstr("a Bytes")));
    EXPECT_THAT(mismatch([&] { return pool_.fetch_value<Priority>("SELECT 3 AS p"); }),
                AllOf(HasSubstr("\"p\""), HasSubstr("'3'")));
    for (const std::string date : {"infinity", "-infinity", "0044-03-15 BC", "10000-01-01"}) {
        EXPECT_THAT(mismatch([&] {
                        return pool_.fetch_value<year_month_day>("SELECT $1::date AS d", date);
                    }),
                    AllOf(HasSubstr("\"d\""), HasSubstr("no date")))
            << date;
        EXPECT_THAT(mismatch([&] {
                        return pool_.fetch_value<DateTime>("SELECT $1::timestamptz AS t", date);
                    }),
                    AllOf(HasSubstr("\"t\""), HasSubstr("no DateTime")))
            << date;
    }
}

TEST_F(TypedRows, hold_bytes_in_either_form_that_postgresql_writes) {
    std::string every_byte;
    for (int byte = 0; byte < 256; ++byte)
        every_byte += static_cast<char>(byte);
    db::Pool escaping({.url = url_ + "&options=-c%20bytea_output%3Descape", .size = 1});
    escaping.connect();
    EXPECT_EQ(there_and_back(escaping, Bytes{every_byte}, "bytea").data, every_byte);
}

struct Picture {
    Bytes data;
};

TEST_F(TypedRows, pass_bytes_on_in_base64) {
    const auto row = run(pool_.fetch_row<Picture>("SELECT $1::bytea AS data", Bytes{"a\xff?"}));
    EXPECT_EQ(row->json().text(), R"({"data":"Yf8/"})");
    // Longer than what is written at once.
    std::string bytes;
    for (int i = 0; i < 100'001; ++i)
        bytes += static_cast<char>(i * 7);
    const auto large = run(pool_.fetch_row<Picture>("SELECT $1::bytea AS data", Bytes{bytes}));
    EXPECT_EQ(large->json().text(), model::to_json(Picture{{bytes}}));
}

// --- Endpoints -----------------------------------------------------------------------------------

Task<api::Rows<User>> list_users(db::Pool& database) {
    co_return co_await database.fetch_rows<User>(all_users);
}
Task<api::Rows<User>> pass_users(db::Pool& database) {
    return database.fetch_rows<User>(all_users);
}
Task<api::Row<PublicUser>> get_user(std::int64_t user_id, db::Pool& database, api::Reply& reply) {
    auto row = co_await database.fetch_row<PublicUser>(one_user, user_id);
    if (!row) throw http::HttpError(404, "User not found");
    reply.header("X-User", std::to_string(user_id));
    co_return std::move(*row);
}
Task<api::Rows<WrongUser>> wrong_users(db::Pool& database) {
    return database.fetch_rows<WrongUser>(all_users);
}

api::Module users_module() {
    api::Module module;
    module.get<list_users>("/users");
    module.get<pass_users>("/passed-on");
    module.get<get_user>("/users/{user_id}", {.status = 203});
    module.get<wrong_users>("/wrong");
    return module;
}

TEST_F(TypedRows, are_what_an_endpoint_returns) {
    Client client(users_module());
    client.replace(pool_);
    const auto all = client.get("/users");
    EXPECT_EQ(all.status, 200);
    EXPECT_EQ(all.header("Content-Type"), "application/json");
    EXPECT_THAT(all.body, AllOf(HasSubstr(R"({"id":1,"name":"Ada","note":null,)"),
                                Not(HasSubstr("password_hash")), Not(HasSubstr("secret"))));
    EXPECT_EQ(client.get("/passed-on").body, all.body);

    const auto one = client.get("/users/2");
    EXPECT_EQ(one.status, 203);
    EXPECT_EQ(one.header("X-User"), "2");
    EXPECT_EQ(one.body, R"({"name":"Grace"})");
    EXPECT_EQ(client.get("/users/9").status, 404);
    EXPECT_EQ(client.get("/users/x").status, 422);
    EXPECT_EQ(client.get("/wrong").status, 500);
    EXPECT_EQ(client.get("/wrong").body, R"({"detail":"Internal Server Error"})");
}

TEST(TypedRowsOfAnEndpoint, are_declared) {
    const api::Module module = users_module();
    const auto& list = module.endpoints().at(0).operation;
    EXPECT_EQ(list.result, &model::type_of<User>);
    EXPECT_TRUE(list.result_is_list);
    const auto& one = module.endpoints().at(2).operation;
    EXPECT_EQ(one.result, &model::type_of<PublicUser>);
    EXPECT_FALSE(one.result_is_list);
}

}  // namespace
}  // namespace signalbox::test
