// Forms, as endpoints take them: what is not in tests/fastapi.

#include "signalbox/testing/form.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "signalbox/api/container.hpp"
#include "signalbox/api/module.hpp"
#include "signalbox/testing/client.hpp"

namespace signalbox::api {
namespace {

using test::Client;
using testing::HasSubstr;

struct Picture {
    std::string title;
    UploadFile file;
    std::optional<UploadFile> thumbnail;
    Field<std::vector<UploadFile>> more;
};
struct Pieces {
    std::vector<std::string> pieces;
    std::uint64_t size = 0;
    bool thumbnail = false;
    std::uint64_t more = 0;
};

async::Task<Pieces> read_in_pieces(Form<Picture> form) {
    UploadFile& file = form->file;
    Pieces result;
    result.size = file.size();
    result.thumbnail = form->thumbnail.has_value();
    result.more = form->more->size();
    UploadFile copy = file;  // with a position of its own
    result.pieces.push_back(co_await file.read(3));
    result.pieces.push_back(co_await file.read());
    result.pieces.push_back(co_await file.read());
    result.pieces.push_back(co_await copy.read(2));
    file.seek(1);
    result.pieces.push_back(co_await file.read(2));
    file.seek(1000);
    result.pieces.push_back(co_await file.read());
    co_return result;
}

struct Who {
    std::string user;
};
async::Task<std::string> user_of(Form<Who> form) {
    co_return form->user;
}
struct Text {
    std::string text;
};
async::Task<std::string> say(Depends<user_of> user, Form<Text> form) {
    co_return *user + ": " + form->text;
}

async::Task<std::string> little(Form<Text> form) {
    co_return form->text;
}

Module module() {
    Module module;
    module.post<read_in_pieces>("/picture");
    module.post<say>("/say");
    module.post<little>("/little", {.form_limits = {.max_fields = 2, .max_part_size = 1024}});
    return module;
}

TEST(Form, has_files_that_are_read_in_pieces) {
    Client client(module());
    const auto response = client.post_form("/picture", test::Form()
                                                           .field("title", "a \"title\"")
                                                           .file("file", "a\"\r\n.png", "0123456")
                                                           .file("more", "b", "1")
                                                           .file("more", "c", "2"));
    ASSERT_EQ(response.status, 200) << response;
    EXPECT_EQ(response.body,
              R"({"pieces":["012","3456","","01","12",""],"size":7,"thumbnail":false,"more":2})");
}

TEST(Form, is_shared_by_a_handler_and_what_it_depends_on) {
    Client client(module());
    EXPECT_EQ(
        client.post_form("/say", test::Form().field("user", "ada").field("text", "1 + 1 & 2")).body,
        R"("ada: 1 + 1 & 2")");
    const auto response = client.post_form("/say", test::Form().field("text", "x"));
    EXPECT_EQ(response.status, 422);
    EXPECT_THAT(response.body, HasSubstr(R"("loc":["body","user"])"));
}

TEST(Form, has_the_limits_of_its_endpoint) {
    Client client(module());
    const auto fields = [](int count) {
        test::Form form;
        for (int i = 0; i < count; ++i)
            form.field("text", "x");
        return form;
    };
    EXPECT_EQ(client.post_form("/little", fields(2)).status, 200);
    const auto too_many = client.post_form("/little", fields(3));
    EXPECT_EQ(too_many.status, 400);
    EXPECT_EQ(too_many.body, R"({"detail":"Too many fields. Maximum number of fields is 2."})");
    const auto too_large = client.post_form(
        "/little", test::Form().field("text", std::string(1025, 'x')).file("file", "a", "b"));
    EXPECT_EQ(too_large.body, R"({"detail":"Part exceeded maximum size of 1KB."})");
    const auto long_name =
        client.post_form("/little", test::Form().field(std::string(1025, 'n'), ""));
    EXPECT_EQ(long_name.status, 400);
}

async::Task<Picture> give(Form<Picture> form) {
    co_return std::move(*form);
}
async::Task<std::string> as_json(Picture picture) {
    co_return picture.title;
}
struct Nested {
    std::vector<Text> texts;
};
async::Task<std::string> nested(Form<Nested>) {
    co_return "";
}

template <auto handler>
std::string refused() {
    Module module;
    module.post<handler>("/");
    Container container(std::move(module));
    try {
        container.make_services();
    } catch (const std::invalid_argument& error) {
        return error.what();
    }
    return "";
}

TEST(Form, is_checked_at_the_start) {
    EXPECT_THAT(refused<give>(),
                HasSubstr("an UploadFile is read from a form, and cannot be returned"));
    EXPECT_THAT(refused<as_json>(), HasSubstr("an UploadFile is read from a form: take a Form<…>"));
    EXPECT_THAT(refused<nested>(), HasSubstr("Nested.texts is read from a field of a form"));
    EXPECT_EQ(refused<read_in_pieces>(), "");
}

TEST(Form, spools_only_bodies_with_files) {
    Container container(module());
    container.make_services();
    for (const http::Route& route : container.routes())
        EXPECT_EQ(route.spools_body, route.path == "/picture") << route.path;
}

}  // namespace
}  // namespace signalbox::api
