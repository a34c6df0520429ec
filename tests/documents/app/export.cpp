// docs/endpoints.md, "One that uses the database": rows as they are read.
#include <cstdint>
#include <string>
#include <utility>

#include "signalbox/async/task.hpp"
#include "signalbox/db/pool.hpp"
#include "signalbox/http/response.hpp"

namespace signalbox::app {

struct Account {
    std::int64_t id;
    std::int64_t cents;
};

async::Task<http::StreamingResponse> export_accounts(db::Pool& database);

// [snippet: stream]
async::Task<http::StreamingResponse> export_accounts(db::Pool& database) {
    co_return http::stream("text/csv", [&database](http::Sink& out) -> async::Task<> {
        auto rows = database.stream<Account>("SELECT id, cents FROM accounts ORDER BY id");
        while (const auto batch = co_await rows.next()) {
            std::string lines;
            for (const Account& account : *batch)
                lines += std::to_string(account.id) + ',' + std::to_string(account.cents) + '\n';
            co_await out.write(std::move(lines));
        }
    });
}
// [/snippet]

}  // namespace signalbox::app
