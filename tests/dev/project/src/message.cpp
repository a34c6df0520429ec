#include "message.hpp"

#include <chrono>
#include <cstdlib>

#include "signalbox/async/sleep.hpp"

signalbox::async::Task<signalbox::http::Response> message() {
    const char* const setting = std::getenv("TEST_SETTING");
    co_return signalbox::http::json(
        {{"message", "first"}, {"setting", setting == nullptr ? "none" : setting}});
}

signalbox::async::Task<signalbox::http::Response> slow_message() {
    co_await signalbox::async::sleep_for(std::chrono::seconds(1));
    co_return co_await message();
}
