// error: give the lambda a name first
#include <string>

#include "signalbox/async/all.hpp"

using namespace signalbox;

async::Task<> say(std::string text);

async::Task<> twice(std::string text) {
    co_await async::all([text] { return say(text); }, say(text));
}
