#include "app/tasks.hpp"

#include <gtest/gtest.h>

#include "signalbox/testing/client.hpp"

namespace signalbox::app {
namespace {

// [snippet: client]
TEST(Tasks, fast_task_answers_at_once) {
    api::Module module;
    module.get<fast_task>("/fast-task");
    test::Client client(module);

    const auto response = client.get("/fast-task");

    ASSERT_EQ(response.status, 200) << response;
    EXPECT_EQ(response.json()["message"], "This was quick!");
}
// [/snippet]

TEST(Tasks, slow_task_ends_when_its_time_is_up) {
    api::Module module;
    module.get<slow_task>("/slow-task");
    test::Client client(module);
    EXPECT_EQ(client.get("/slow-task", {{"Request-Timeout", "0.02"}}).status, 504);
}

TEST(Tasks, multiple_tasks_end_when_their_time_is_up) {
    api::Module module;
    module.get<multiple_tasks>("/multiple-tasks");
    test::Client client(module);
    EXPECT_EQ(client.get("/multiple-tasks", {{"Request-Timeout", "0.02"}}).status, 504);
}

}  // namespace
}  // namespace signalbox::app
