// README.md, "One that reads from the database".
#include <charconv>
#include <cstdint>
#include <optional>
#include <string_view>

#include "signalbox/async/task.hpp"
#include "signalbox/db/pool.hpp"
#include "signalbox/http/errors.hpp"
#include "signalbox/http/request.hpp"
#include "signalbox/http/response.hpp"

namespace signalbox::app {

// [snippet: declaration]
async::Task<http::Response> get_user(http::Request& request, db::Pool& database);
// [/snippet]

// [snippet: definition]
namespace {

std::optional<std::int64_t> parse_id(std::string_view text) {
    std::int64_t id = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), id);
    if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return id;
}

}  // namespace

async::Task<http::Response> get_user(http::Request& request, db::Pool& database) {
    const auto id = parse_id(request.path_parameter("id").value_or(""));
    if (!id) throw http::HttpError(404);
    const JsonText rows = co_await database.fetch_all("SELECT * FROM users WHERE id = $1", *id);
    if (rows.text() == "[]") throw http::HttpError(404, "User not found");
    const std::string_view array = rows.text();  // [{…}]: one user is what the brackets hold
    co_return http::json(JsonText(std::string(array.substr(1, array.size() - 2))));
}
// [/snippet]

}  // namespace signalbox::app
