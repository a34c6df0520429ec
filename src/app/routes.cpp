#include "app/routes.hpp"

#include "app/tasks.hpp"
#include "app/users.hpp"

namespace signalbox::app {

std::vector<http::Route> routes(db::Pool& database) {
    return {
        {"GET", "/slow-task", slow_task},
        {"GET", "/fast-task", fast_task},
        {"GET", "/multiple-tasks", multiple_tasks},
        {"GET", "/users", [&](http::Request& request) { return get_users(request, database); }},
    };
}

}  // namespace signalbox::app
