#include "message.hpp"

#include <cstdlib>

signalbox::async::Task<signalbox::http::Response> message() {
    const char* const setting = std::getenv("TEST_SETTING");
    co_return signalbox::http::json(
        {{"message", "first"}, {"setting", setting == nullptr ? "none" : setting}});
}
