#include "app/greetings.hpp"

namespace signalbox::app {

async::Task<http::Response> greet(http::Request& request) {
    const std::string name = request.query_parameter("name").value_or("world");
    co_return http::json({{"message", "Hello, " + name + "!"}});
}

}  // namespace signalbox::app
