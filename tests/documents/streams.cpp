// docs/endpoints.md, "One that streams".
#include <cstdint>
#include <string>

#include "app/user.hpp"
#include "signalbox/api/injection.hpp"
#include "signalbox/api/module.hpp"
#include "signalbox/db/pool.hpp"
#include "signalbox/http/event_stream.hpp"

namespace signalbox::app {

// [snippet: stream]
async::Task<http::StreamingResponse> export_users(db::Pool& database) {
    co_return http::stream("text/csv", [&database](http::Sink& out) -> async::Task<> {
        co_await out.write("id,email\n");
        std::int64_t last = 0;
        while (true) {
            const auto users = co_await database.fetch_all<User>(
                "SELECT * FROM users WHERE id > $1 ORDER BY id LIMIT 1000", last);
            if (users.empty()) co_return;
            std::string lines;
            for (const User& user : users)
                lines += std::to_string(user.id) + "," + user.email + "\n";
            last = users.back().id;
            co_await out.write(std::move(lines));
        }
    });
}
// [/snippet]

// [snippet: events]
async::Task<http::StreamingResponse> count_up(http::Request& request) {
    co_return http::event_stream(request, [](http::EventStream& events) -> async::Task<> {
        for (int n = events.last_event_id_as<int>().value_or(0) + 1; n <= 10; ++n) {
            const std::string number = std::to_string(n);
            co_await events.send(http::Event(number).type("count").id(number));
        }
    });
}
// [/snippet]

api::Module documented_streams() {
    api::Module module;
    module.get<export_users>("/users.csv").get<count_up>("/count");
    return module;
}

}  // namespace signalbox::app
