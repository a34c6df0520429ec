#include "signalbox/api/rows.hpp"

#include <memory>
#include <optional>
#include <string_view>
#include <utility>

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

    async::Task<> write(http::Sink& out) {
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

  private:
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
