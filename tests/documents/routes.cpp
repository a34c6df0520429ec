// README.md, "Add an endpoint": its rows of the table.
#include <vector>

#include "app/greetings.hpp"
#include "signalbox/db/pool.hpp"
#include "signalbox/http/router.hpp"

namespace signalbox::app {

async::Task<http::Response> get_user(http::Request& request, db::Pool& database);

std::vector<http::Route> documented_routes(db::Pool& database) {
    return {
        // [snippet: greeting]
        {"GET", "/greeting", greet},
        // [/snippet]
        // clang-format off: as wide as the document
        // [snippet: user]
        {"GET", "/users/{id}", [&](http::Request& request) { return get_user(request, database); }},
        // [/snippet]
        // clang-format on
    };
}

}  // namespace signalbox::app
