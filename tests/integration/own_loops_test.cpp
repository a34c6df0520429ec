// What a service's own loops can do to its end. It runs in a process of its own.

#include <asio/system_error.hpp>
#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <iostream>
#include <string>

#include "signalbox/application.hpp"
#include "signalbox/async/sleep.hpp"
#include "signalbox/async/spawn.hpp"
#include "support/paths.hpp"
#include "support/service.hpp"

namespace signalbox::test {
namespace {

using namespace std::chrono_literals;

async::Task<> stop_the_process() {
    co_await async::sleep_for(100ms);
    ::kill(::getpid(), SIGTERM);
}

void begin_loop_that_ends() {
    async::spawn(stop_the_process);
    async::spawn([]() -> async::Task<> {
        for (;;)
            co_await async::sleep_for(1ms);
    });
}

void begin_loop_that_goes_on() {
    async::spawn(stop_the_process);
    async::spawn([]() -> async::Task<> {
        for (;;) {
            try {
                co_await async::sleep_for(1ms);
            } catch (const std::exception&) {  // too much: a cancellation is none of its errors
                continue;
            }
        }
    });
}

void say_goodbye() {
    std::cerr << "on_shutdown\n";
}

template <auto begin>
int serve(const std::string& database) {
    Application app({.name = "loops"});
    app.on_startup<begin>().template on_shutdown<say_goodbye>();
    const std::string migrations = source_folder() + "/migrations";
    const char* const arguments[] = {"loops",
                                     "serve",
                                     "--database-url",
                                     database.c_str(),
                                     "--migrations-dir",
                                     migrations.c_str(),
                                     "--port",
                                     "0",
                                     "--admin-port",
                                     "0"};
    return app.run(std::size(arguments), arguments);
}

struct OwnLoops : testing::Test {
    OwnLoops() { GTEST_FLAG_SET(death_test_style, "threadsafe"); }

    const std::string database = database_with_users(0);
};

TEST_F(OwnLoops, end_before_on_shutdown_and_cost_no_time) {
    EXPECT_EXIT(::_exit(serve<begin_loop_that_ends>(database)), testing::ExitedWithCode(0),
                "on_shutdown");
}

TEST_F(OwnLoops, that_swallow_their_cancellation_do_not_keep_the_process) {
    EXPECT_EXIT(::_exit(serve<begin_loop_that_goes_on>(database)), testing::ExitedWithCode(1), "");
}

}  // namespace
}  // namespace signalbox::test
