#include "signalbox/process/listen_fds.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <string>
#include <vector>

namespace signalbox::process {
namespace {

using testing::HasSubstr;

constexpr int self = 4711;
const std::vector<int> none;

ListenFds parse(const std::string& count, const std::string& names) {
    const auto parsed = parse_listen_fds({"4711", count, names}, self);
    EXPECT_TRUE(parsed) << (parsed ? "" : parsed.reason());
    return parsed ? *parsed : ListenFds{};
}

std::string refused(const ListenFdsVariables& variables) {
    const auto parsed = parse_listen_fds(variables, self);
    return parsed ? "accepted" : parsed.reason();
}

TEST(ParseListenFds, finds_sockets_by_name_in_any_order) {
    EXPECT_EQ(parse("2", "api:admin").api, std::vector{3});
    EXPECT_EQ(parse("2", "api:admin").admin, std::vector{4});
    EXPECT_EQ(parse("2", "admin:api").api, std::vector{4});
    EXPECT_EQ(parse("2", "admin:api").admin, std::vector{3});
    EXPECT_EQ(parse("1", "admin").api, none);
    EXPECT_EQ(parse("1", "admin").admin, std::vector{3});
}

TEST(ParseListenFds, takes_one_without_a_name_of_its_own_for_the_api) {
    for (const auto* name : {"", "unknown", "orders.socket", "api"}) {
        EXPECT_EQ(parse("1", name).api, std::vector{3}) << name;
        EXPECT_EQ(parse("1", name).admin, none) << name;
    }
    EXPECT_EQ(parse("2", "orders.socket:admin").api, std::vector{3}) << "a unit for each";
    EXPECT_EQ(parse("2", "orders.socket:admin").admin, std::vector{4});
}

// As a unit has them with two lines ListenStream=, 0.0.0.0:8000 and [::]:8000.
TEST(ParseListenFds, finds_several_of_a_name) {
    EXPECT_EQ(parse("2", "api:api").api, (std::vector{3, 4}));
    EXPECT_EQ(parse("2", "x.socket:x.socket").api, (std::vector{3, 4}));
    EXPECT_EQ(parse("4", "api:admin:api:admin").api, (std::vector{3, 5}));
    EXPECT_EQ(parse("4", "api:admin:api:admin").admin, (std::vector{4, 6}));
}

TEST(ParseListenFds, is_silent_where_nobody_or_another_process_is_meant) {
    for (const ListenFdsVariables& variables :
         {ListenFdsVariables{}, {"4712", "1", "api"}, {"", "1", "api"}, {"4711", "", "api"}}) {
        const auto parsed = parse_listen_fds(variables, self);
        ASSERT_TRUE(parsed);
        EXPECT_TRUE(parsed->empty());
    }
}

TEST(ParseListenFds, says_which_variable_makes_no_sense) {
    EXPECT_THAT(refused({"x", "1", ""}), HasSubstr("LISTEN_PID: \"x\""));
    for (const auto* count : {"0", "-1", "two", "1 ", "99999999999999999999"})
        EXPECT_THAT(refused({"4711", count, ""}), HasSubstr("LISTEN_FDS: \"")) << count;
    EXPECT_THAT(refused({"4711", "33", "api"}), HasSubstr("LISTEN_FDS: 33 sockets"));
    EXPECT_THAT(refused({"4711", "2", ""}), HasSubstr("LISTEN_FDNAMES: \"\" does not name 2"));
    EXPECT_THAT(refused({"4711", "1", "api:admin"}), HasSubstr("does not name 1"));
    EXPECT_THAT(refused({"4711", "1", "metrics"}), HasSubstr("\"metrics\" is unknown"));
    EXPECT_THAT(refused({"4711", "3", "api:admin:more"}), HasSubstr("\"more\" is unknown"));
}

// A process of its own, in which the descriptors and the environment are nobody else's.
TEST(TakeListenFds, keeps_variables_and_descriptors_from_programs_that_are_started) {
    const pid_t child = ::fork();
    if (child == 0) {
        const int file = ::open("/dev/null", O_RDONLY);
        if (file != 3) ::dup2(file, 3);
        ::setenv("LISTEN_PID", std::to_string(::getpid()).c_str(), 1);
        ::setenv("LISTEN_FDS", "1", 1);
        ::setenv("LISTEN_FDNAMES", "admin", 1);
        const auto sockets = take_listen_fds();
        if (!sockets || sockets->admin != std::vector{3}) ::_exit(1);
        if ((::fcntl(3, F_GETFD) & FD_CLOEXEC) == 0) ::_exit(2);
        for (const auto* name : {"LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"}) {
            if (std::getenv(name) != nullptr) ::_exit(3);
        }
        ::close(3);
        ::setenv("LISTEN_PID", std::to_string(::getpid()).c_str(), 1);
        ::setenv("LISTEN_FDS", "1", 1);
        const auto closed = take_listen_fds();
        ::_exit(!closed && closed.reason() == "LISTEN_FDS: descriptor 3 is not open" ? 0 : 4);
    }
    int status = -1;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0) << "the step that failed: " << WEXITSTATUS(status);
}

}  // namespace
}  // namespace signalbox::process
