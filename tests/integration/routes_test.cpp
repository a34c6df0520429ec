// The API's contract, route by route, against the real binary and a real PostgreSQL.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidjson/document.h>

#include <chrono>
#include <future>
#include <string>
#include <vector>

#include "signalbox/process/file_limit.hpp"
#include "signalbox/testing/postgres.hpp"
#include "support/eventually.hpp"
#include "support/http_client.hpp"
#include "support/log_lines.hpp"
#include "support/service.hpp"

namespace signalbox::test {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::MatchesRegex;

struct Routes : testing::Test {
    const std::string database = database_with_users(20);
    const Service service{database};
};

TEST_F(Routes, fast_task_answers_at_once) {
    const auto response = get(service.url("/fast-task"));
    EXPECT_EQ(response.status, 200);
    EXPECT_EQ(response.body, R"({"message":"This was quick!"})");
    EXPECT_EQ(response.header("content-type"), "application/json");
    EXPECT_EQ(response.header("content-length"), std::to_string(response.body.size()));
    EXPECT_THAT(response.header("date").value_or(""),
                MatchesRegex("[A-Z][a-z]{2}, [0-9]{2} [A-Z][a-z]{2} [0-9]{4} [0-9:]{8} GMT"));
    EXPECT_EQ(response.header("connection"), std::nullopt);
}

TEST_F(Routes, users_are_the_rows_of_the_table) {
    const auto response = get(service.url("/users"));
    EXPECT_EQ(response.status, 200);
    rapidjson::Document users;
    users.Parse(response.body.c_str());
    ASSERT_TRUE(users.IsArray()) << response.body;
    ASSERT_EQ(users.Size(), 20U);
    EXPECT_EQ(users[2]["id"].GetInt64(), 3);
    EXPECT_STREQ(users[2]["name"].GetString(), "User 3");
    EXPECT_STREQ(users[2]["email"].GetString(), "user3@example.com");
    EXPECT_THAT(users[2]["created_at"].GetString(),
                MatchesRegex("[0-9-]{10}T[0-9:]{8}\\.[0-9]{6}\\+00:00"));
    const std::string first = response.body.substr(0, response.body.find('}'));
    EXPECT_THAT(first, MatchesRegex(R"(\[\{"id":.*"name":.*"email":.*"created_at":.*)"))
        << "keys are in table order";
}

TEST_F(Routes, an_empty_table_is_an_empty_array) {
    execute(database, "TRUNCATE users");
    EXPECT_EQ(get(service.url("/users")).body, "[]");
}

TEST_F(Routes, a_column_added_while_running_shows_in_the_next_answer) {
    // On every connection of the pool the statement is prepared with the old columns.
    const std::vector<HttpRequest> many(50, {.url = service.url("/users")});
    for (const auto& response : send_all(many))
        ASSERT_EQ(response.status, 200);
    execute(database, "ALTER TABLE users ADD COLUMN active boolean NOT NULL DEFAULT true");
    for (const auto& response : send_all(many)) {
        EXPECT_EQ(response.status, 200);
        EXPECT_THAT(response.body, HasSubstr(R"("active":true}])"));
    }
}

TEST_F(Routes, head_is_get_without_the_body) {
    for (const char* path : {"/fast-task", "/users"}) {
        const auto with_body = get(service.url(path));
        const auto head = send({.url = service.url(path), .method = "HEAD"});
        EXPECT_EQ(head.status, 200);
        EXPECT_EQ(head.body, "");
        EXPECT_EQ(head.header("content-length"), std::to_string(with_body.body.size()));
        EXPECT_EQ(head.header("content-type"), with_body.header("content-type"));
    }
}

TEST_F(Routes, an_unknown_path_is_404) {
    for (const char* path : {"/", "/nothing", "/fast-task/more", "//fast-task", "/FAST-TASK"}) {
        const auto response = get(service.url(path));
        EXPECT_EQ(response.status, 404) << path;
        EXPECT_EQ(response.body, R"({"detail":"Not Found"})");
    }
    EXPECT_EQ(send({.url = service.url("/nothing"), .method = "POST"}).status, 404);
}

TEST_F(Routes, another_method_is_405_with_allow) {
    for (const char* method : {"POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"}) {
        const auto response = send({.url = service.url("/users"), .method = method});
        EXPECT_EQ(response.status, 405) << method;
        EXPECT_EQ(response.body, R"({"detail":"Method Not Allowed"})");
        EXPECT_EQ(response.header("allow"), "GET, HEAD");
    }
}

TEST_F(Routes, a_trailing_slash_is_redirected) {
    const auto response = get(service.url("/users/?limit=3&x=%2F"));
    EXPECT_EQ(response.status, 307);
    EXPECT_EQ(response.header("location"), "/users?limit=3&x=%2F");
    EXPECT_EQ(get(service.url("/nothing/")).status, 404);
    EXPECT_EQ(get(service.url("//example.com/")).status, 404) << "would lead to another host";
}

TEST_F(Routes, a_path_is_matched_after_decoding) {
    EXPECT_EQ(get(service.url("/%66ast-task")).status, 200);
    EXPECT_EQ(get(service.url("/fast-task?anything=1")).status, 200);
    const auto bad = get(service.url("/fast-task%zz"));
    EXPECT_EQ(bad.status, 400);
    EXPECT_EQ(bad.body,
              R"({"detail":"A % in the path is not followed by two hexadecimal digits, or stands )"
              R"(for NUL"})");
}

TEST_F(Routes, every_response_carries_a_request_id) {
    const auto id_of = [&](const char* path, std::vector<std::string> headers) {
        return send({.url = service.url(path), .headers = std::move(headers)})
            .header("x-request-id")
            .value_or("");
    };
    EXPECT_EQ(id_of("/fast-task", {"X-Request-ID: order-66_a.b:c"}), "order-66_a.b:c");
    EXPECT_EQ(id_of("/nothing", {"X-Request-ID: abc"}), "abc");
    EXPECT_THAT(id_of("/fast-task", {}), MatchesRegex("[0-9a-f]{32}"));
    EXPECT_NE(id_of("/fast-task", {}), id_of("/fast-task", {}));
    EXPECT_THAT(id_of("/fast-task", {"X-Request-ID: with \"quotes\""}),
                MatchesRegex("[0-9a-f]{32}"));
    EXPECT_THAT(id_of("/fast-task", {"X-Request-ID: " + std::string(129, 'a')}),
                MatchesRegex("[0-9a-f]{32}"));
}

TEST_F(Routes, a_failing_query_is_a_500_that_says_nothing_and_a_log_line_that_says_all) {
    execute(database, "DROP TABLE users");
    const auto response =
        send({.url = service.url("/users"), .headers = {"X-Request-ID: lost-table"}});
    EXPECT_EQ(response.status, 500);
    EXPECT_EQ(response.body, R"({"detail":"Internal Server Error"})");
    EXPECT_EQ(response.header("x-request-id"), "lost-table");
    EXPECT_THAT(wait_for_line(service, "request_id", "lost-table").text("error.message"),
                HasSubstr("relation \"users\" does not exist"));
}

/// What depends on how many threads there are, with one worker and with two.
struct Workers : testing::TestWithParam<int> {
    const std::string database = database_with_users(20);
    const Service service{database, {"--workers", std::to_string(GetParam())}};
};
INSTANTIATE_TEST_SUITE_P(one_and_two, Workers, testing::Values(1, 2));

TEST_P(Workers, timers_run_at_the_same_time) {
    // A busy machine may add some seconds, but not each time.
    bool proven = false;
    for (int attempt = 0; attempt < 5 && !proven; ++attempt) {
        const std::string id = "multiple-" + std::to_string(attempt);
        const auto responses =
            send_all({{.url = service.url("/slow-task")},
                      {.url = service.url("/multiple-tasks"), .headers = {"X-Request-ID: " + id}}});
        EXPECT_EQ(responses[0].status, 200);
        EXPECT_EQ(responses[0].body, R"({"message":"Task complete!"})");
        EXPECT_GE(responses[0].duration, 5.0s);
        EXPECT_EQ(responses[1].status, 200);
        EXPECT_EQ(responses[1].body, R"({"message":"All tasks complete!"})");
        EXPECT_GE(responses[1].duration, 3.0s);
        proven = wait_for_line(service, "request_id", id).number("duration_s") < 5.5;
    }
    EXPECT_TRUE(proven) << "one after the other they take six seconds";
}

TEST_P(Workers, two_thousand_slow_tasks_hold_no_thread) {
    constexpr std::size_t count = 2000;
    ASSERT_GT(process::raise_file_limit(), 2 * count);
    ASSERT_EQ(get(service.url("/users")).status, 200);
    const std::size_t threads_before = service.threads();

    // The others have five seconds, which a busy machine may not let them have each time.
    bool proven = false;
    for (int attempt = 0; attempt < 5 && !proven; ++attempt) {
        auto slow = std::async(std::launch::async, [this] {
            return send_all(std::vector<HttpRequest>(count, {.url = service.url("/slow-task")}));
        });
        // All connections are there: now the others have to be served, before the slow tasks end.
        ASSERT_TRUE(eventually([&] { return service.open_files() > count; }));
        EXPECT_EQ(service.threads(), threads_before);
        for (int i = 0; i < 100; ++i)
            EXPECT_EQ(get(service.url("/fast-task")).status, 200);
        EXPECT_EQ(get(service.url("/users")).status, 200);
        proven = slow.wait_for(0s) == std::future_status::timeout;

        for (const auto& response : slow.get()) {
            EXPECT_EQ(response.status, 200);
            EXPECT_GE(response.duration, 5.0s);
        }
        EXPECT_EQ(service.threads(), threads_before);
    }
    EXPECT_TRUE(proven) << "the others had to wait for them";
}

}  // namespace
}  // namespace signalbox::test
