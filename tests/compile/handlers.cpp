// What people write most, in each preset. g++ 12 has warned without a reason of a coroutine's frame
// where it inlines little, as under the sanitizers (https://gcc.gnu.org/PR109224).
#include <array>
#include <chrono>
#include <memory>
#include <string>
#include <utility>

#include "signalbox/async/all.hpp"
#include "signalbox/async/sleep.hpp"
#include "signalbox/async/spawn.hpp"
#include "signalbox/http/errors.hpp"
#include "signalbox/http/request.hpp"
#include "signalbox/http/response.hpp"

using namespace signalbox;
using namespace std::chrono_literals;

namespace {

async::Task<std::string> look_up(std::string name) {
    co_await async::sleep_for(1ms);
    co_return "found " + std::move(name);
}

}  // namespace

/// A coroutine's frame with much in it.
struct Feed {
    async::Task<> wait(std::shared_ptr<const int> until) {
        while (position < *until)
            co_await async::sleep_for(1ms);
    }
    async::Task<> send(std::shared_ptr<const int> until, std::string text) {
        std::array<char, 65536> buffer{};
        while (buffer[0] == 0) {
            co_await wait(until);
            buffer[0] = text.at(0);
            if (position > 0) co_return;
        }
    }

    int position = 0;
};

async::Task<> feed(Feed& to) {
    co_await to.send(std::make_shared<const int>(3), "text");
}

async::Task<http::Response> handle(http::Request& request) {
    const auto name = request.query_parameter("name");
    if (!name) throw http::HttpError(404);
    const std::string found = co_await look_up(*name);
    const auto later = [found]() -> async::Task<> { co_await look_up(found); };
    co_await async::all(later, async::sleep_for(1ms), [&] { return async::sleep_for(1ms); });
    async::spawn([found]() -> async::Task<> { co_await look_up(found); });
    co_return http::json({{"message", std::string_view(found)}});
}
