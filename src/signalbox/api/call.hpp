#pragma once

#include <cstddef>
#include <exception>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "signalbox/api/operation.hpp"
#include "signalbox/api/parameters.hpp"
#include "signalbox/async/task.hpp"
#include "signalbox/http/form_limits.hpp"
#include "signalbox/http/request.hpp"
#include "signalbox/model/json_tree.hpp"

namespace signalbox::api::detail {

class ParsingTurn;

/// One request on its way through its dependencies to its handler. It lives in the frame of the
/// coroutine that answers.
class Call {
  public:
    Call(http::Request& its_request, int status);
    ~Call();
    Call(const Call&) = delete;
    Call& operator=(const Call&) = delete;

    /// Whether wait_to_read() has to come before the body is read, here and again where it was set
    /// aside.
    bool has_much_to_read() const noexcept {
        return request.body.size() > most_read_at_once && turn_ == nullptr;
    }
    /// Resumes when there is memory for reading the body as JSON, at once as a rule
    /// (ParsingMemory). Nothing else is to be awaited before set_body_aside() or
    /// throw_if_invalid().
    async::Task<> wait_to_read();
    /// Comes first when the endpoint takes a body: a body that is not JSON is refused before
    /// anybody asks who sent it, as in FastAPI. Throws RequestValidationError, or HttpError 400
    /// when the body is not text.
    void read_body_text();
    void read_body(const model::Type& type, void* value);
    /// Something may wait now. Frees parsed JSON, which takes many times its text's size and is in
    /// no budget but ParsingMemory's, unless it is small: whoever reads it has it parsed again.
    /// What was made of it counts in --limit-buffered.
    void set_body_aside();
    /// The same where it takes a form. Resumes when a body that is on disk has been read. Throws
    /// HttpError 400 when it is no form, or too much of one. Null: the usual limits.
    async::Task<> read_fields(const http::FormLimits* limits);
    void read_form(const model::Type& type, void* value);

    void read_path_parameter(const model::Type& type, void* value);
    void read_path(const model::Type& type, void* value);
    void read_query(const model::Type& type, void* value);
    void read_headers(const model::Type& type, void* value);
    void read_cookies(const model::Type& type, void* value);

    /// Call it when all is read. Throws RequestValidationError when anything was wrong. Frees the
    /// parsed JSON, which takes many times its text's size, before the handler begins to wait, and
    /// has what was made of it counted in --limit-buffered.
    void throw_if_invalid();
    std::size_t faults() const noexcept { return errors.list().size(); }

    /// What a dependency has returned for this request: null when it could not be called.
    struct Result {
        const void* dependency;
        std::shared_ptr<void> value;
    };
    const Result* find(const void* dependency) const;
    void keep(const void* dependency, std::shared_ptr<void> value) {
        results.push_back({dependency, std::move(value)});
    }

    using Finish = async::Task<> (*)(void*, const std::exception_ptr&);
    /// Lets the dependencies clean up, the last one first. Returns what they have thrown, or else
    /// `thrown`.
    static async::Task<std::exception_ptr> finish(Call& call, std::exception_ptr thrown);

    /// They come with the response; none when the handler throws.
    http::BackgroundTasks& background() {
        if (!background_) background_ = std::make_shared<http::BackgroundTasks>();
        return *background_;
    }
    std::shared_ptr<http::BackgroundTasks> take_background() { return std::move(background_); }

    http::Request& request;
    Reply reply;
    model::ValidationErrors errors;
    std::vector<Result> results;
    std::vector<std::pair<Finish, void*>> finishers;

  private:
    enum class Body { none, json, text };

    /// In bytes: each loop may have the parsed JSON of as much, at most a MiB, uncounted.
    static constexpr std::size_t most_read_at_once = 64 * 1024;

    void count_what_is_held();

    std::shared_ptr<http::BackgroundTasks> background_;
    Body body_ = Body::none;
    model::JsonTree json_;
    struct Fields;
    std::unique_ptr<Fields> fields_;     ///< of a form
    std::unique_ptr<ParsingTurn> turn_;  ///< while it has parsed JSON of a large body
    std::size_t held_ = 0;  ///< bytes of what was read, beside the request, and not yet counted
};

/// Of a handler that returns a value.
http::Response respond(Call& call, const model::Type& type, const void* value);
/// JSON that is written already.
http::Response respond(Call& call, JsonText json);
http::Response respond(Call& call);

}  // namespace signalbox::api::detail
