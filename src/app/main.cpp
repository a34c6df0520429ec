#include "app/tasks.hpp"
#include "app/users.hpp"
#include "signalbox/application.hpp"
#include "signalbox/version.hpp"

int main(int argc, char** argv) {
    using namespace signalbox;
    using namespace std::chrono_literals;

    Application app({.name = "signalbox",
                     .title = "FastAPI's async tutorial",
                     .version = std::string(version),
                     .revision = std::string(revision),
                     .duration_buckets = {3250ms, 5250ms}});
    app.get<app::slow_task>("/slow-task");
    app.get<app::fast_task>("/fast-task");
    // [snippet: multiple-tasks]
    app.get<app::multiple_tasks>("/multiple-tasks");
    // [/snippet]
    app.get<app::get_users>("/users");
    return app.run(argc, argv);
}
