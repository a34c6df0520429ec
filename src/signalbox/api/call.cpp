#include "signalbox/api/call.hpp"

#include <asio/this_coro.hpp>

#include <algorithm>
#include <array>
#include <deque>
#include <span>
#include <string>
#include <unordered_map>

#include "signalbox/api/parsing_turn.hpp"
#include "signalbox/api/upload_file.hpp"
#include "signalbox/ascii.hpp"
#include "signalbox/async/off_loop.hpp"
#include "signalbox/async/turn.hpp"
#include "signalbox/fast/json_writer.hpp"
#include "signalbox/http/body_file.hpp"
#include "signalbox/http/cookies.hpp"
#include "signalbox/http/form.hpp"
#include "signalbox/http/query.hpp"
#include "signalbox/http/wire/head.hpp"
#include "signalbox/latin_1.hpp"

namespace signalbox::api::detail {

namespace {

using model::Location;
using model::Member;
using model::Type;

bool is_list(const Type& type) {
    return type.kind == Type::Kind::list ||
           (type.kind == Type::Kind::nullable && type.inner->kind == Type::Kind::list);
}

/// `application/json`, `application/…+json`, whatever parameters it has, and none at all.
bool is_json(std::optional<std::string_view> content_type) {
    if (!content_type || content_type->empty()) return true;
    std::string_view without_parameters = content_type->substr(0, content_type->find(';'));
    while (without_parameters.ends_with(' ') || without_parameters.ends_with('\t'))
        without_parameters.remove_suffix(1);
    std::string type = to_lower(without_parameters);
    constexpr std::string_view application = "application/";
    if (!type.starts_with(application)) return false;
    type.erase(0, application.size());
    return type == "json" || type.ends_with("+json");
}

/// The members of a model that have been sent, each with one text or several.
class Sent {
  public:
    explicit Sent(const model::Model& model) : model_(model), texts_(model.members.size()) {}

    enum class Repeated { first, last };

    void add(std::size_t member, std::string_view text, Repeated counts) {
        Texts& texts = texts_[member];
        if (texts.sent && is_list(*model_.members[member].type)) {
            texts.more.emplace_back(text);
        } else if (!texts.sent || counts == Repeated::last) {
            texts.one = text;
        }
        texts.sent = true;
    }
    std::size_t index_of(std::string_view name) const {
        const auto& members = model_.members;
        return static_cast<std::size_t>(
            std::find_if(members.begin(), members.end(),
                         [name](const Member& member) { return member.name == name; }) -
            members.begin());
    }

    /// Headers are named otherwise than the members, by the one that `header_name` points to.
    /// Returns about how many bytes of memory that takes besides the texts.
    std::size_t read_into(void* value, std::string_view place, model::ValidationErrors& errors,
                          std::string Member::*header_name = nullptr) const {
        std::size_t held = 0;
        const Location outer{.name = place};
        for (std::size_t i = 0; i < texts_.size(); ++i) {
            const Member& member = model_.members[i];
            const Location at{.outer = &outer,
                              .name = header_name == nullptr ? member.name : member.*header_name};
            void* const target = static_cast<char*>(value) + member.offset;
            const Texts& texts = texts_[i];
            if (!texts.sent) {
                if (member.required) model::add_missing(at, errors);
            } else if (is_list(*member.type)) {
                std::vector<std::string_view> all{texts.one};
                all.insert(all.end(), texts.more.begin(), texts.more.end());
                held += model::read_texts(all, *member.type, target, at, errors);
            } else {
                model::read_text(texts.one, *member.type, target, at, errors);
            }
        }
        return held;
    }

  private:
    struct Texts {
        std::string one;
        std::vector<std::string> more;
        bool sent = false;
    };

    const model::Model& model_;
    std::vector<Texts> texts_;
};

/// As Starlette reads a header's bytes: there is nothing that says they are another text.
std::string text_of(std::string_view latin_1) {
    return from_latin_1(latin_1);
}

void add_extra(model::ValidationErrors& errors, std::string_view place, std::string_view name,
               std::string_view text) {
    const Location outer{.name = place};
    const model::JsonNode input{.kind = model::JsonNode::Kind::string, .text = text};
    errors.add("extra_forbidden", {.outer = &outer, .name = name}, "Extra inputs are not permitted",
               model::excerpt(input, model::longest_input));
}

/// Bytes. Less for each request in flight does not matter (ActiveRequest::largest_unquestioned).
constexpr std::size_t least_counted = 4 * 1024;

/// What most responses take at least: the first allocations of a string that grows.
constexpr std::size_t shortest_json = 120;

}  // namespace

Call::Call(http::Request& its_request, int status) : request(its_request) {
    reply.status = status;
}

void Call::read_body_text() {
    if (body_ != Body::none || request.body.empty()) return;
    if (!is_json(request.header("content-type"))) {
        body_ = Body::text;
        return;
    }
    if (const auto fault = json_.read(request.body)) {
        if (fault->unreadable) throw http::HttpError(400, "There was an error parsing the body");
        const Location body{.name = "body"};
        std::string context;
        JsonWriter(context).begin_object().key<"error">().value(fault->reason).end_object();
        errors.add("json_invalid", {.outer = &body, .index = fault->position}, "JSON decode error",
                   "{}", std::move(context));
        throw_if_invalid();
    }
    body_ = Body::json;
}

void Call::set_body_aside() {
    if (json_.memory_size() > least_counted) json_.clear();
    count_what_is_held();
    turn_.reset();
}

async::Task<> Call::wait_to_read() {
    auto turn = std::make_unique<ParsingTurn>(ParsingMemory::of_process());
    async::Task<> waiting = turn->begin(model::JsonTree::memory_to_read(request.body));
    co_await std::move(waiting);
    turn_ = std::move(turn);
}

void Call::count_what_is_held() {
    context::RequestContext* const context = async::Turn::request_of_current();
    if (held_ > least_counted && context != nullptr) context->hold(std::exchange(held_, 0));
}

void Call::read_body(const Type& type, void* value) {
    // It is in order, or this would not be called.
    if (body_ == Body::json && json_.empty()) static_cast<void>(json_.read(request.body));
    const Location at{.name = "body"};
    const bool sent = body_ == Body::text ||
                      (body_ == Body::json && json_.root().kind != model::JsonNode::Kind::null);
    if (!sent) {
        if (type.kind != Type::Kind::nullable) model::add_missing(at, errors);
    } else if (body_ == Body::text) {
        model::read_text(request.body, type, value, at, errors);
    } else {
        held_ += model::read_json(json_, type, value, at, errors);
    }
}

/// A form as it was sent.
struct Call::Fields {
    std::vector<http::FormField> all;
    FormContent content;
};

namespace {

/// The whole of a form that is on disk, on a thread that may block.
std::vector<http::FormField> read_fields_of(const http::BodyFile& file,
                                            const std::optional<std::string>& content_type,
                                            const http::FormLimits& limits) {
    http::FormReader reader(content_type, limits);
    const bool at_once = reader.encoding() == http::FormEncoding::urlencoded;
    if (at_once && file.size() > limits.max_text_size)
        throw http::HttpError(413, "The form is larger than this endpoint takes");
    std::string bytes(at_once ? static_cast<std::size_t>(file.size())
                              : std::max(std::size_t{256} * 1024, 2 * limits.max_part_head),
                      '\0');
    std::size_t kept = 0;
    for (std::uint64_t read = 0; read < file.size();) {
        const std::size_t more = file.read_at(read, bytes.data() + kept, bytes.size() - kept);
        if (more == 0) throw std::runtime_error("a body on disk has become shorter");
        read += more;
        const std::size_t have = kept + more;
        const std::size_t used = reader.feed({bytes.data(), have});
        kept = have - used;
        std::copy(bytes.data() + used, bytes.data() + have, bytes.data());
    }
    return reader.end();
}

/// About what they occupy, in bytes; what a handler is given holds about the same.
std::size_t size_of(const std::vector<http::FormField>& fields) {
    std::size_t size = fields.capacity() * sizeof(http::FormField);
    for (const http::FormField& field : fields) {
        size += field.name.size() + field.text.size();
        if (!field.file) continue;
        size += field.file->filename.size();
        for (const auto& header : field.file->headers)
            size += sizeof header + header.first.size() + header.second.size();
    }
    return size;
}

/// A form as the object that it would be in JSON, which is what FastAPI makes of it.
class FormObject {
  public:
    FormObject(const std::vector<http::FormField>& fields, const FormContent& content,
               const model::Model& model)
        : fields_(fields), content_(content), of_member_(model.members.size()) {
        uploads_.reserve(fields.size());
        nodes_.push_back({.kind = model::JsonNode::Kind::object});
        sort(model);
        bool incomplete = false;
        for (std::size_t i = 0; i < of_member_.size(); ++i)
            incomplete = incomplete || (model.members[i].required && of_member_[i].empty());
        for (std::size_t i = 0; i < of_member_.size(); ++i) {
            const Member& member = model.members[i];
            if (!of_member_[i].empty()) {
                add(member.name, of_member_[i], is_list(*member.type));
            } else if (incomplete && !member.default_json.empty()) {
                add_default(member);
            }
        }
        for (const auto& [name, field] : others_)
            add(name, {field}, false);
        nodes_.front().next = static_cast<std::uint32_t>(nodes_.size());
        for (const UploadFile& upload : uploads_)
            files_.push_back(&upload);
    }

    const model::JsonNode& root() const { return nodes_.front(); }
    std::span<const void* const> files() const { return files_; }

  private:
    void sort(const model::Model& model) {
        std::unordered_map<std::string_view, std::size_t> others;
        for (std::size_t i = 0; i < fields_.size(); ++i) {
            const std::string_view name = fields_[i].name;
            const auto& members = model.members;
            const auto member =
                std::find_if(members.begin(), members.end(),
                             [name](const Member& each) { return each.name == name; });
            if (member != members.end()) {
                of_member_[static_cast<std::size_t>(member - members.begin())].push_back(i);
                continue;
            }
            const auto [known, is_new] = others.emplace(name, others_.size());
            if (is_new) {
                others_.emplace_back(name, i);
            } else {
                others_[known->second].second = i;
            }
        }
    }
    void add(std::string_view name, const std::vector<std::size_t>& fields, bool list) {
        ++nodes_.front().count;
        nodes_.push_back({.kind = model::JsonNode::Kind::string, .text = name});
        if (!list) {
            add(fields_[fields.back()]);
            return;
        }
        const auto count = static_cast<std::uint32_t>(fields.size());
        nodes_.push_back({.kind = model::JsonNode::Kind::array, .count = count, .next = count + 1});
        for (const std::size_t field : fields)
            add(fields_[field]);
    }
    void add(const http::FormField& field) {
        if (!field.file) {
            nodes_.push_back({.kind = model::JsonNode::Kind::string, .text = field.text});
            return;
        }
        const UploadFile& upload = uploads_.emplace_back(content_.upload(*field.file));
        std::string& text = texts_.emplace_back();
        JsonWriter json(text);
        json.begin_object().key<"filename">().value(upload.filename());
        json.key<"size">().value(upload.size()).key<"headers">().begin_object();
        for (const auto& [name, value] : upload.headers())
            json.key(name).value(value);
        json.end_object().end_object();
        nodes_.push_back({.kind = model::JsonNode::Kind::file,
                          .count = static_cast<std::uint32_t>(uploads_.size() - 1),
                          .text = text});
    }
    /// FastAPI shows it among what was sent, where something is missing.
    void add_default(const Member& member) {
        model::JsonTree& json = defaults_.emplace_back();
        if (json.read(member.default_json) || json.root().kind == model::JsonNode::Kind::null)
            return;
        ++nodes_.front().count;
        nodes_.push_back({.kind = model::JsonNode::Kind::string, .text = member.name});
        nodes_.insert(nodes_.end(), &json.root(), model::JsonTree::after(json.root()));
    }

    const std::vector<http::FormField>& fields_;
    const FormContent& content_;
    std::vector<std::vector<std::size_t>> of_member_;  ///< indices of `fields_`
    std::vector<std::pair<std::string_view, std::size_t>> others_;
    std::vector<model::JsonNode> nodes_;
    std::vector<UploadFile> uploads_;
    std::vector<const void*> files_;
    std::deque<std::string> texts_;
    std::deque<model::JsonTree> defaults_;
};

}  // namespace

Call::~Call() = default;

async::Task<> Call::read_fields(const http::FormLimits* its_limits) {
    if (fields_) co_return;
    const http::FormLimits limits = its_limits != nullptr ? *its_limits : http::FormLimits{};
    fields_ = std::make_unique<Fields>();
    const auto content_type = request.header("content-type");
    if (const auto file = request.body_file) {
        async::Task<> writing = file->written();
        co_await std::move(writing);
        const std::optional<std::string> type(content_type);
        const auto read = [file, type, limits] { return read_fields_of(*file, type, limits); };
        async::Task<std::vector<http::FormField>> reading = async::off_loop(read);
        fields_->all = co_await std::move(reading);
        fields_->content.file = file;
        held_ += size_of(fields_->all);
        co_return;
    }
    http::FormReader reader(content_type, limits);
    reader.feed(request.body);
    fields_->all = reader.end();
    held_ += size_of(fields_->all);
    const auto& all = fields_->all;
    const bool has_files = std::any_of(all.begin(), all.end(),
                                       [](const auto& field) { return field.file.has_value(); });
    if (has_files) {
        // What refers to a file may live longer than the request.
        fields_->content.memory = std::make_shared<const std::string>(std::move(request.body));
        request.body.clear();
    }
}

void Call::read_form(const Type& type, void* value) {
    const FormObject form(fields_->all, fields_->content, type.model());
    model::read_form(form.root(), form.files(), type, value, {.name = "body"}, errors);
}

void Call::read_path_parameter(const Type& type, void* value) {
    const auto& [name, text] = request.path_parameters.front();
    const Location path{.name = "path"};
    model::read_text(text, type, value, {.outer = &path, .name = name}, errors);
}

void Call::read_path(const Type& type, void* value) {
    const Location path{.name = "path"};
    for (const Member& member : type.model().members) {
        const auto text = request.path_parameter(member.name);
        if (!text) continue;  // refused at start
        model::read_text(*text, *member.type, static_cast<char*>(value) + member.offset,
                         {.outer = &path, .name = member.name}, errors);
    }
}

void Call::read_query(const Type& type, void* value) {
    const model::Model& model = type.model();
    Sent sent(model);
    std::vector<std::pair<std::string, std::string>> extra;
    http::for_each_query_parameter(request.query,
                                   [&](std::string_view name, std::string_view text) {
                                       const std::size_t member = sent.index_of(name);
                                       if (member < model.members.size()) {
                                           sent.add(member, text, Sent::Repeated::last);
                                       } else if (model.extra == model::Extra::forbid) {
                                           extra.emplace_back(name, text);
                                       }
                                   });
    held_ += sent.read_into(value, "query", errors);
    for (const auto& [name, text] : extra)
        add_extra(errors, "query", name, text);
}

void Call::read_headers(const Type& type, void* value) {
    const model::Model& model = type.model();
    Sent sent(model);
    for (const http::Header& header : request.headers) {
        for (std::size_t i = 0; i < model.members.size(); ++i) {
            if (http::is_named(header, model.members[i].header_name))
                sent.add(i, text_of(header.value), Sent::Repeated::first);
        }
    }
    held_ += sent.read_into(value, "header", errors, &Member::header_name);
}

void Call::read_cookies(const Type& type, void* value) {
    const model::Model& model = type.model();
    Sent sent(model);
    std::vector<std::pair<std::string, std::string>> extra;
    http::for_each_cookie(request, [&](std::string_view name, std::string_view value) {
        std::string text = text_of(value);
        const std::size_t member = sent.index_of(name);
        if (member < model.members.size()) {
            sent.add(member, text, Sent::Repeated::last);
        } else if (model.extra == model::Extra::forbid) {
            extra.emplace_back(text_of(name), std::move(text));
        }
    });
    held_ += sent.read_into(value, "cookie", errors);
    for (const auto& [name, text] : extra)
        add_extra(errors, "cookie", name, text);
}

void Call::throw_if_invalid() {
    fields_.reset();
    json_.clear();
    body_ = Body::none;
    if (errors.empty()) count_what_is_held();
    turn_.reset();
    if (!errors.empty()) throw RequestValidationError(std::move(errors));
}

const Call::Result* Call::find(const void* dependency) const {
    const auto found = std::find_if(
        results.begin(), results.end(),
        [dependency](const Result& result) { return result.dependency == dependency; });
    return found == results.end() ? nullptr : &*found;
}

async::Task<std::exception_ptr> Call::finish(Call& call, std::exception_ptr thrown) {
    call.set_body_aside();  // what has thrown may have left it
    // A request that was cancelled cleans up all the same, and nothing of that is cancelled.
    co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
    for (auto finisher = call.finishers.rbegin(); finisher != call.finishers.rend(); ++finisher) {
        try {
            async::Task<> task = finisher->first(finisher->second, thrown);
            co_await std::move(task);
        } catch (...) {
            thrown = std::current_exception();
        }
    }
    co_return thrown;
}

http::Response respond(Call& call, const Type& type, const void* value) {
    std::string json;
    json.reserve(shortest_json);
    model::write_json(json, type, value);
    return {.status = call.reply.status,
            .body = std::move(json),
            .headers = std::move(call.reply.headers),
            .background = call.take_background()};
}

http::Response respond(Call& call, JsonText json) {
    return {.status = call.reply.status,
            .body = std::move(json),
            .headers = std::move(call.reply.headers),
            .background = call.take_background()};
}

http::Response respond(Call& call) {
    return {.status = call.reply.status,
            .headers = std::move(call.reply.headers),
            .background = call.take_background()};
}

}  // namespace signalbox::api::detail
