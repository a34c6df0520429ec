// docs/endpoints.md, "One that takes a form".
#include <atomic>
#include <cstdint>
#include <string>

#include "signalbox/api/injection.hpp"
#include "signalbox/application.hpp"
#include "signalbox/http/errors.hpp"

namespace signalbox::app {

// [snippet: upload]
struct Picture {
    api::Field<std::string, api::MaxLength(100)> title;
    api::UploadFile file;
};

struct Stored {
    std::string title;
    std::uint64_t size;
};

async::Task<Stored> add_picture(api::Form<Picture> form) {
    if (form->file.content_type() != "image/png") throw http::HttpError(415, "A picture is a PNG");
    static std::atomic<int> number = 0;
    co_await form->file.save("pictures/" + std::to_string(++number) + ".png");
    co_return Stored{*form->title, form->file.size()};
}
// [/snippet]

}  // namespace signalbox::app

namespace signalbox {

void documented_uploads(Application& app) {
    // [snippet: routes]
    app.post<app::add_picture>("/pictures", {.status = 201, .body_limit = 200 << 20});
    // [/snippet]
}

}  // namespace signalbox
