#include "signalbox/api/rows.hpp"

#include <asio/this_coro.hpp>

#include <cstddef>
#include <exception>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>

#include "signalbox/async/all.hpp"
#include "signalbox/async/executor.hpp"
#include "signalbox/async/wakeup.hpp"
#include "signalbox/db/error.hpp"
#include "signalbox/http/stream.hpp"

namespace signalbox::api {

namespace {

/// A part of a text that others share as well.
JsonText part_of(JsonText whole, std::size_t begin, std::size_t size) {
    struct Part {
        JsonText whole;
        std::string_view view;
    };
    auto part = std::make_shared<Part>();
    part->view = whole.text().substr(begin, size);
    part->whole = std::move(whole);
    const std::string_view* const view = &part->view;
    return JsonText(std::shared_ptr<const std::string_view>(std::move(part), view));
}

/// One array of all batches, each of which is an array.
class RowsBody {
  public:
    RowsBody(db::RowStream<JsonText> rows, JsonText first)
        : rows_(std::move(rows)), batch_(std::move(first)) {}

    /// Also while the client takes nothing it is cut off when others have to wait for that.
    async::Task<> write(http::Sink& out) {
        const async::Executor executor = co_await asio::this_coro::executor;
        async::Wakeup wakeup(executor);
        bool done = false;
        bool too_slow = false;
        rows_.on_left_behind([&] {
            too_slow = true;
            wakeup.notify();
        });
        auto watch = [&]() -> async::Task<> {
            while (!done && !too_slow)
                co_await wakeup.wait_until();
            if (!done) throw db::SlowReader();
        };
        auto run = [&]() -> async::Task<> {
            co_await write_all(out);
            done = true;
            wakeup.notify();
        };
        std::exception_ptr error;
        try {
            co_await async::all(run, watch);
        } catch (...) {
            error = std::current_exception();
        }
        rows_.on_left_behind({});
        if (error) std::rethrow_exception(error);
    }

  private:
    async::Task<> write_all(http::Sink& out) {
        const std::size_t bracket = 1;
        std::size_t opening = 0;  // the first batch's is the array's
        for (bool more = true; more;) {
            const std::size_t size = batch_.text().size() - opening - bracket;
            http::Body rows(part_of(std::move(batch_), opening, size));
            co_await out.write(std::move(rows));
            opening = bracket;
            std::optional<JsonText> next = co_await rows_.next();
            more = next.has_value();
            http::Body between(more ? "," : "]");
            co_await out.write(std::move(between));
            if (more) batch_ = *std::move(next);
        }
    }

    db::RowStream<JsonText> rows_;
    JsonText batch_;
};

}  // namespace

async::Task<http::Response> json(db::RowStream<JsonText> rows) {
    std::optional<JsonText> first = co_await rows.next();
    if (rows.complete()) co_return http::json(first ? *std::move(first) : JsonText("[]"));
    auto body = std::make_shared<RowsBody>(std::move(rows), *std::move(first));
    co_return http::stream({},
                           [body = std::move(body)](http::Sink& out) { return body->write(out); });
}

}  // namespace signalbox::api
