#include "signalbox/observe/last_words.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <functional>
#include <stdexcept>
#include <string>
#include <thread>

#include "support/sanitized.hpp"

namespace signalbox::observe {
namespace {

using config::LogFormat;
using testing::AllOf;
using testing::EndsWith;
using testing::HasSubstr;
using testing::MatchesRegex;

struct End {
    std::string output;
    int signal = 0;
};

/// What a process writes that has prepared its last words, and what it dies of.
End end_of(LogFormat format, const std::function<void()>& die) {
    int ends[2];
    if (::pipe(ends) != 0) throw std::runtime_error("pipe");
    const pid_t child = ::fork();
    if (child == 0) {
        ::close(ends[0]);
        const rlimit no_dump{};
        ::setrlimit(RLIMIT_CORE, &no_dump);
        prepare_last_words({"shop", "1.2.3"}, format, ends[1]);
        die();
        ::_exit(0);
    }
    ::close(ends[1]);
    End end;
    char buffer[4096];
    for (ssize_t count; (count = ::read(ends[0], buffer, sizeof buffer)) > 0;)
        end.output.append(buffer, static_cast<std::size_t>(count));
    ::close(ends[0]);
    int status = 0;
    ::waitpid(child, &status, 0);
    if (WIFSIGNALED(status)) end.signal = WTERMSIG(status);
    return end;
}

void throw_where_nobody_catches(const std::string& what) {
    std::thread([&] { throw std::runtime_error(what); }).join();
}

TEST(LastWords, name_the_exception_that_nobody_catches) {
    const End end =
        end_of(LogFormat::json, [] { throw_where_nobody_catches("no \"memory\"\n\xff"); });
    EXPECT_EQ(end.signal, SIGABRT);
    EXPECT_THAT(end.output,
                MatchesRegex("\\{\"timestamp\":\"20[0-9]{2}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:"
                             "[0-9]{2}\\.[0-9]{6}Z\",\"severity_text\":\"FATAL\","
                             "\"severity_number\":21,\"body\":\"the process ends\","
                             "\"error.type\":\"uncaught_exception\","
                             "\"error.message\":\"no \\?memory\\?\\?\\?\","
                             "\"service.name\":\"shop\",\"service.version\":\"1.2.3\","
                             "\"service.instance.id\":\"[^\"]+\"\\}\n"));
}

TEST(LastWords, are_one_line_however_much_there_is_to_say) {
    const End end =
        end_of(LogFormat::json, [] { throw_where_nobody_catches(std::string(100'000, 'x')); });
    EXPECT_THAT(end.output, AllOf(HasSubstr("xxx\",\"service.name\""), EndsWith("\"}\n")));
    EXPECT_LT(end.output.size(), 2000U);
}

TEST(LastWords, name_the_signal) {
    if (test::sanitized) GTEST_SKIP() << "the sanitizers tell of signals";
    for (const int signal : {SIGABRT, SIGSEGV, SIGBUS}) {
        const End end = end_of(LogFormat::json, [signal] { ::raise(signal); });
        EXPECT_EQ(end.signal, signal) << "it ends as it would have";
        EXPECT_THAT(end.output, HasSubstr("\"error.type\":\"signal\",\"error.message\":\"SIG"));
    }
}

TEST(LastWords, are_text_on_a_terminal) {
    const End end = end_of(LogFormat::text, [] { throw_where_nobody_catches("why"); });
    EXPECT_THAT(end.output, EndsWith("Z FATAL the process ends  error.type=uncaught_exception  "
                                     "error.message=\"why\"\n"));
}

}  // namespace
}  // namespace signalbox::observe
