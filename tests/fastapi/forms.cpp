// Forms: urlencoded and multipart, with files.
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "fastapi/app.hpp"
#include "fastapi/enums.hpp"

namespace fastapi {

namespace {

using namespace signalbox::api;  // NOLINT: the words of models
using signalbox::async::Task;

/// Answers with what it is sent.
template <class T>
Task<T> echo(Form<T> body) {
    co_return std::move(*body);
}

struct Login {
    Field<std::string, MinLength(2)> username;
    std::string password;
    Field<bool> remember = false;
    Field<std::optional<std::int64_t>, Ge(1)> attempts;
};

struct Survey {
    static constexpr auto extra = Extra::forbid;
    Field<std::vector<std::int64_t>, MinLength(1)> answers;
    Field<Status> status = Status::open;
    Field<std::string, Alias("full-name")> full_name;
    std::optional<std::chrono::year_month_day> day;
};
struct Limit {
    Field<std::int64_t, Ge(1)> limit = 5;
};
Task<Survey> form_survey(std::int64_t, Form<Survey> body, Query<Limit>) {
    co_return std::move(*body);
}

struct MayBeEmpty {
    std::optional<std::string> note;
    Field<std::vector<std::string>> tags = std::vector<std::string>{"new"};
};

struct Sent {
    Field<std::optional<std::string>, Required{}> filename;
    Field<std::optional<std::string>, Required{}> content_type;
    Field<std::optional<std::int64_t>, Required{}> size;
    std::string text;
    std::map<std::string, std::string> headers;
};

std::string from_latin_1(const std::string& bytes) {
    std::string text;
    for (const char c : bytes) {
        const auto code = static_cast<unsigned char>(c);
        if (code < 0x80) {
            text += c;
        } else {
            text += static_cast<char>(0xC0U | code >> 6U);
            text += static_cast<char>(0x80U | (code & 0x3FU));
        }
    }
    return text;
}

Task<Sent> sent(UploadFile file) {
    Sent result;
    result.filename = file.filename();
    if (const auto type = file.content_type()) result.content_type = std::string(*type);
    result.size = static_cast<std::int64_t>(file.size());
    const std::string content = co_await file.read();
    result.text = from_latin_1(content);
    for (const auto& [name, value] : file.headers())
        result.headers[name] = value;
    co_return result;
}

struct Avatar {
    std::string name;
    UploadFile file;
};
Task<Sent> form_avatar(Form<Avatar> body) {
    Task<Sent> sending = sent(body->file);
    co_return co_await std::move(sending);
}

struct Album {
    Field<std::string> title = "untitled";
    Field<std::vector<UploadFile>, MinLength(1), MaxLength(3)> files;
    std::optional<UploadFile> cover;
};
struct AlbumOut {
    std::string title;
    std::vector<Sent> files;
    Field<std::optional<Sent>, Required{}> cover;
};
Task<AlbumOut> form_album(Form<Album> body) {
    AlbumOut out;
    out.title = *body->title;
    for (const UploadFile& file : *body->files) {
        Task<Sent> sending = sent(file);
        out.files.push_back(co_await std::move(sending));
    }
    if (body->cover) {
        Task<Sent> sending = sent(*body->cover);
        out.cover = co_await std::move(sending);
    }
    co_return out;
}

}  // namespace

Module forms() {
    Module module;
    module.post<echo<Login>>("/form/login")
        .post<form_survey>("/form/survey/{id}")
        .post<echo<MayBeEmpty>>("/form/may-be-empty")
        .post<form_avatar>("/form/avatar")
        .post<form_album>("/form/album");
    return module;
}

}  // namespace fastapi
