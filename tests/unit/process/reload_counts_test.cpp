#include "signalbox/process/reload_counts.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <string>

#include "signalbox/process/predecessor.hpp"
#include "signalbox/process/successor.hpp"

namespace signalbox::process {
namespace {

using testing::HasSubstr;

TEST(ReloadCounts, are_read_as_they_were_written_and_nothing_else_is) {
    const ReloadCounts counts{.taken_over = 3, .failed = 18446744073709551615U};
    EXPECT_EQ(counts.text(), "3:18446744073709551615");
    EXPECT_EQ(ReloadCounts::parse(counts.text()), counts);
    for (const auto* text : {"", ":", "1", "1:", ":1", "1:2:3", "1:2 ", "+1:2", "-1:2", "1:x",
                             "1:18446744073709551616"}) {
        EXPECT_EQ(ReloadCounts::parse(text), std::nullopt) << text;
    }
}

TEST(ReloadCounter, goes_on_where_the_predecessor_was) {
    ReloadCounter first({});
    first.failed();
    first.failed();
    first.refused();
    ReloadCounter second(first.counts());
    second.took_over();
    EXPECT_EQ(second.counts(), (ReloadCounts{.taken_over = 1, .failed = 2}));
    EXPECT_EQ(second.refusals(), 0U);
    second.failed();
    EXPECT_EQ(first.counts().failed, 2U);
    EXPECT_EQ(first.refusals(), 1U);
}

/// What a process is started with that is to take over.
class PredecessorVariables : public testing::Test {
  protected:
    PredecessorVariables() {
        ::setenv(ready_variable, std::to_string(::open("/dev/null", O_RDWR | O_CLOEXEC)).c_str(),
                 1);
    }
    ~PredecessorVariables() override {
        for (const auto* name : {ready_variable, path_variable, reloads_variable})
            ::unsetenv(name);
    }
};

TEST_F(PredecessorVariables, say_how_many_reloads_there_were) {
    ::setenv(reloads_variable, "4:2", 1);
    const auto predecessor = Predecessor::take();
    ASSERT_TRUE(predecessor);
    EXPECT_EQ((*predecessor)->reloads(), (ReloadCounts{.taken_over = 4, .failed = 2}));
    EXPECT_EQ(std::getenv(reloads_variable), nullptr) << "it is for this process only";
}

TEST_F(PredecessorVariables, of_another_program_say_nothing_of_reloads) {
    const auto predecessor = Predecessor::take();
    ASSERT_TRUE(predecessor);
    EXPECT_EQ((*predecessor)->reloads(), ReloadCounts{});
}

TEST_F(PredecessorVariables, that_make_no_sense_are_named) {
    ::setenv(reloads_variable, "many", 1);
    const auto predecessor = Predecessor::take();
    ASSERT_FALSE(predecessor);
    EXPECT_THAT(predecessor.reason(), HasSubstr("SIGNALBOX_RELOADS: \"many\""));
}

}  // namespace
}  // namespace signalbox::process
