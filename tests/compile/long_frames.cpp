// A frame too large for asio's cache of them, of a coroutine that is inlined into another.
// flags: -O1 -fsanitize=address
// g++ 12 without -Wno-mismatched-new-delete: mismatched-new-delete
#include <array>
#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "signalbox/async/sleep.hpp"
#include "signalbox/http/request.hpp"
#include "signalbox/http/response.hpp"

using namespace signalbox;
using namespace std::chrono_literals;

class Uploads {
  public:
    async::Task<std::size_t> copy(std::shared_ptr<const std::string> text) {
        std::array<char, 4096> block{};
        std::size_t copied = 0;
        while (copied < text->size()) {
            co_await wait_for_room(text);
            copied += text->copy(block.data(), block.size(), copied);
        }
        co_return copied;
    }

  private:
    async::Task<> wait_for_room(std::shared_ptr<const std::string> text) {
        while (room_ < text->size())
            co_await async::sleep_for(1ms);
    }

    std::size_t room_ = 0;
};

async::Task<http::Response> upload(Uploads& uploads, http::Request& request) {
    const auto text = std::make_shared<const std::string>(request.body);
    const std::size_t copied = co_await uploads.copy(text);
    co_return http::json({{"message", std::string_view(copied > 0 ? "copied" : "empty")}});
}
