#include "signalbox/db/detail/schema_watch.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "signalbox/db/error.hpp"
#include "unit/db/detail/start.hpp"

namespace signalbox::db {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::exception_ptr refused(const std::string& sqlstate) {
    return std::make_exception_ptr(Error("relation \"users\" does not exist", sqlstate));
}

class SchemaWatchTest : public testing::Test {
  protected:
    void SetUp() override {
        watch_.expect({{"1", "1_create_users.sql", "/migrations/1_create_users.sql"},
                       {"2", "2_create_orders.sql", "/migrations/2_create_orders.sql"}});
    }

    std::optional<SchemaWatch::Notice> look(SchemaWatch::Clock::time_point now, SchemaLook found) {
        watch_.begin_looking(now);
        return watch_.looked(now, found);
    }
    auto find(SchemaWatch::Clock::time_point now, std::set<std::string> applied) {
        return look(now, {.applied = std::move(applied)});
    }

    SchemaWatch watch_;
};

TEST(SchemaWatchOfNothing, never_looks_and_explains_nothing) {
    SchemaWatch watch;
    EXPECT_FALSE(watch.due(start));
    EXPECT_FALSE(watch.begin_explaining(start));
    EXPECT_FALSE(watch.looked(start, {.applied = std::set<std::string>{}}));
    EXPECT_FALSE(watch.state().known);
    watch.expect({});
    EXPECT_FALSE(watch.due(start));
    const auto error = refused("42P01");
    EXPECT_EQ(watch.explain(error), error);
}

TEST(SchemaWatchOfWhatWasJustSeen, knows_it_before_the_first_look) {
    SchemaWatch watch;
    watch.expect({{"1", "1_create_users.sql", "/migrations/1_create_users.sql"}}, true);
    EXPECT_TRUE(watch.state().known);
    EXPECT_EQ(watch.state().applied, 1u);
    EXPECT_THAT(watch.state().pending, IsEmpty());
    EXPECT_TRUE(watch.due(start)) << "to find what is unknown, too";
}

TEST_F(SchemaWatchTest, says_once_what_is_pending_and_once_that_it_is_applied) {
    EXPECT_TRUE(watch_.due(start)) << "at once";
    EXPECT_FALSE(find(start, {"1", "2"})) << "as expected";
    EXPECT_TRUE(watch_.state().known);

    const auto lost = find(start + 1min, {});
    ASSERT_TRUE(lost);
    EXPECT_EQ(lost->event, Event::migrations_pending);
    EXPECT_THAT(lost->text, HasSubstr("2 pending migrations, the first is 1_create_users.sql"));
    EXPECT_FALSE(find(start + 2min, {}));

    const auto half = find(start + 3min, {"1"});
    ASSERT_TRUE(half) << "other ones than before";
    EXPECT_THAT(half->text, HasSubstr("1 pending migration, the first is 2_create_orders.sql"));
    EXPECT_THAT(watch_.state().pending, ElementsAre("2_create_orders.sql"));
    EXPECT_EQ(watch_.state().applied, 1u);

    const auto all = find(start + 4min, {"1", "2"});
    ASSERT_TRUE(all);
    EXPECT_EQ(all->event, Event::migrations_applied);
    EXPECT_FALSE(find(start + 5min, {"1", "2"}));
}

TEST_F(SchemaWatchTest, has_nothing_against_migrations_of_a_newer_version) {
    EXPECT_FALSE(find(start, {"1", "2", "3"}));
    EXPECT_THAT(watch_.state().pending, IsEmpty());
    EXPECT_EQ(watch_.state().unknown, 1u);
}

TEST_F(SchemaWatchTest, looks_each_second_while_something_is_pending_and_seldom_else) {
    find(start, {"1", "2"});
    EXPECT_FALSE(watch_.due(start + 9s));
    EXPECT_TRUE(watch_.due(start + 10s));
    find(start + 10s, {});
    EXPECT_FALSE(watch_.due(start + 10999ms));
    EXPECT_TRUE(watch_.due(start + 11s));
    watch_.begin_looking(start + 11s);
    EXPECT_FALSE(watch_.due(start + 11s)) << "somebody does";
    EXPECT_TRUE(watch_.due(start + 12s)) << "and may never come back";
}

TEST_F(SchemaWatchTest, goes_by_the_look_that_began_last) {
    find(start + 1s, {"1", "2"});
    EXPECT_FALSE(watch_.looked(start, {.applied = std::set<std::string>{}}));
    EXPECT_THAT(watch_.state().pending, IsEmpty());
}

TEST_F(SchemaWatchTest, keeps_what_it_knows_while_it_cannot_look) {
    find(start, {});
    EXPECT_FALSE(look(start + 1s, {.error = "canceling statement due to lock timeout"}));
    EXPECT_EQ(watch_.state().pending.size(), 2u);
}

TEST_F(SchemaWatchTest, knows_nothing_where_it_may_not_look_and_says_so_once) {
    find(start, {});
    const SchemaLook denied{.error = "permission denied", .refused = true};
    const auto notice = look(start + 1s, denied);
    ASSERT_TRUE(notice);
    EXPECT_EQ(notice->event, Event::migrations_unknown);
    EXPECT_THAT(notice->text, HasSubstr("permission denied"));
    EXPECT_FALSE(look(start + 2s, denied));
    EXPECT_FALSE(watch_.state().known);
    EXPECT_FALSE(watch_.any_pending());
}

TEST_F(SchemaWatchTest, explains_what_is_missing_only_while_migrations_are_pending) {
    find(start, {"1", "2"});
    const auto missing = refused("42P01");
    EXPECT_EQ(watch_.explain(missing), missing) << "then the program is wrong";
    find(start + 1s, {});
    try {
        std::rethrow_exception(watch_.explain(missing));
    } catch (const MissingMigration& error) {
        EXPECT_EQ(error.sqlstate(), "42P01");
        EXPECT_THAT(error.what(), HasSubstr("\"users\""));
        EXPECT_THAT(error.what(), HasSubstr("1_create_users.sql"));
    }
    for (const auto* state : {"42703", "42883", "42704", "3F000"})
        EXPECT_THROW(std::rethrow_exception(watch_.explain(refused(state))), MissingMigration);
    for (const auto* state : {"42601", "22012", "42501"}) {
        const auto other = refused(state);
        EXPECT_EQ(watch_.explain(other), other) << state;
    }
}

TEST_F(SchemaWatchTest, looks_before_it_explains_but_not_twice_a_second) {
    find(start, {"1", "2"});
    EXPECT_TRUE(watch_.begin_explaining(start)) << "however new what is known is";
    find(start, {"1", "2"});
    EXPECT_FALSE(watch_.begin_explaining(start + 999ms)) << "the program is wrong";
    EXPECT_FALSE(watch_.due(start + 999ms));
    EXPECT_TRUE(watch_.due(start + 1s)) << "or not";
    EXPECT_TRUE(watch_.begin_explaining(start + 1s));
    EXPECT_FALSE(watch_.due(start + 1s)) << "who asked looks";
    find(start + 1s, {});
    EXPECT_FALSE(watch_.begin_explaining(start + 5s)) << "it can be explained";
    watch_.look_now();
    EXPECT_TRUE(watch_.due(start + 1s));
}

}  // namespace
}  // namespace signalbox::db
