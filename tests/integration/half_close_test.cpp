// Clients that shut their sending side and wait: what is ready at once they still get.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "support/http_client.hpp"
#include "support/locked_users.hpp"
#include "support/log_lines.hpp"
#include "support/raw_message.hpp"
#include "support/service.hpp"

namespace signalbox::test {
namespace {

using testing::HasSubstr;

struct HalfClose : testing::TestWithParam<int> {
    const std::string database = database_with_users(1);
    const Service service{
        database, {"--workers", std::to_string(GetParam()), "--database-query-timeout", "30s"}};

    std::string answer_to(const std::string& bytes) const {
        RawClient client(service.port());
        client.send(bytes);
        client.close_sending_side();
        return client.read_to_end();
    }
};
INSTANTIATE_TEST_SUITE_P(one_and_two_workers, HalfClose, testing::Values(1, 2));

TEST_P(HalfClose, leaves_the_answer_to_what_is_ready_at_once) {
    for (int i = 0; i < 50; ++i) {
        EXPECT_THAT(answer_to(get_bytes("/fast-task")), HasSubstr("This was quick!"));
        EXPECT_EQ(status_of(answer_to(get_bytes("/nothing"))), 404);
        EXPECT_EQ(status_of(answer_to("GET /fast-task HTTP/1.0\r\n\r\n")), 200);
        EXPECT_EQ(status_of(answer_to("HEAD /fast-task HTTP/1.1\r\nHost: a\r\n\r\n")), 200);
        EXPECT_EQ(status_of(answer_to("POST /users HTTP/1.1\r\nHost: a\r\n"
                                      "Content-Length: 5\r\n\r\nhello")),
                  405);
        EXPECT_EQ(status_of(answer_to("GET /fast-task HTTP/1.1\r\n\r\n")), 400);
    }
}

TEST_P(HalfClose, leaves_all_the_answers_to_a_pipeline) {
    constexpr int count = 100;
    std::string all;
    for (int i = 0; i < count; ++i)
        all += get_bytes("/fast-task", "X-Request-ID: number-" + std::to_string(i) + "\r\n");
    const std::string answers = answer_to(all);
    std::size_t at = 0;
    for (int i = 0; i < count; ++i) {
        at = answers.find("X-Request-ID: number-" + std::to_string(i) + "\r\n", at);
        ASSERT_NE(at, std::string::npos) << i;
    }
}

TEST_P(HalfClose, ends_what_waits_and_closes) {
    {
        const LockedUsers lock(database);
        EXPECT_EQ(answer_to(get_bytes("/users", "X-Request-ID: waited\r\n")), "");
    }
    EXPECT_EQ(wait_for_line(service, "request_id", "waited").number("http.response.status_code"),
              499);
    EXPECT_EQ(answer_to("GET /fast-task HTTP/1.1\r\nHo"), "") << "half a request is none";
    EXPECT_EQ(answer_to("POST /users HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhell"), "");
    EXPECT_EQ(answer_to(""), "");
}

}  // namespace
}  // namespace signalbox::test
