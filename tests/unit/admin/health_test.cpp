#include "signalbox/admin/health.hpp"

#include <gtest/gtest.h>

#include <chrono>

namespace signalbox::admin {
namespace {

using namespace std::chrono_literals;

struct Liveness : testing::Test {
    http::Server::SinceTurn since_turn{"http-loop-1", 0ms};
    Health health{[] { return false; }, [] { return std::nullopt; }};

    void SetUp() override {
        health.watch([this] { return since_turn; });
    }
};

TEST_F(Liveness, ends_with_a_loop_that_has_not_turned_for_long_and_names_it) {
    since_turn.duration = 29s;
    EXPECT_TRUE(health.live().pass);
    EXPECT_EQ(health.live().json,
              R"({"status":"pass","checks":{"event-loops":[{"status":"pass"}]}})");
    since_turn.duration = 31s;
    EXPECT_FALSE(health.live().pass);
    EXPECT_EQ(health.live().json, R"({"status":"fail","checks":{"event-loops":[{"status":"fail",)"
                                  R"("output":"http-loop-1 has not turned for 31s"}]}})");
    since_turn.duration = 50ms;
    EXPECT_TRUE(health.live().pass) << "it turns again";
}

TEST_F(Liveness, does_not_depend_on_the_database_or_on_where_in_its_life_the_process_is) {
    for (const State state : {State::starting, State::ready, State::draining}) {
        health.set(state);
        EXPECT_TRUE(health.live().pass) << to_string(state);
    }
    EXPECT_FALSE(health.ready(false).pass);
}

}  // namespace
}  // namespace signalbox::admin
