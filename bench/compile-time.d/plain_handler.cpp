// What src/app has most of: one handler that waits for nothing.
#include "signalbox/async/task.hpp"
#include "signalbox/http/request.hpp"
#include "signalbox/http/response.hpp"

namespace app {

using namespace signalbox;

async::Task<http::Response> greet(http::Request& request) {
    const std::string name = request.query_parameter("name").value_or("world");
    co_return http::json({{"message", std::string_view(name)}});
}

}  // namespace app
