#include "app/routes.hpp"

#include "app/tasks.hpp"

namespace signalbox::app {

std::vector<http::Route> routes() {
    return {
        {"GET", "/slow-task", slow_task},
        {"GET", "/fast-task", fast_task},
        {"GET", "/multiple-tasks", multiple_tasks},
    };
}

}  // namespace signalbox::app
