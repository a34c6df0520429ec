#include "signalbox/http/file.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

#include "signalbox/http/errors.hpp"

namespace signalbox::http {
namespace {

namespace fs = std::filesystem;

std::optional<std::string> header_of(const Response& response, std::string_view name) {
    for (const auto& [each, value] : response.headers)
        if (each == name) return value;
    return std::nullopt;
}

class FileResponse : public testing::Test {
  protected:
    FileResponse() {
        std::string name = fs::temp_directory_path() / "signalbox-file-XXXXXX";
        if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("mkdtemp");
        folder_ = name;
    }
    ~FileResponse() override {
        std::error_code ignored;
        fs::remove_all(folder_, ignored);
    }

    fs::path written(const std::string& name, const std::string& content) const {
        std::ofstream(folder_ / name, std::ios::binary) << content;
        return folder_ / name;
    }
    int status_of(const fs::path& path) const {
        try {
            return file(request_, path).status;
        } catch (const HttpError& error) {
            return error.status();
        }
    }

    fs::path folder_;
    Request request_;
};

TEST_F(FileResponse, is_whole_with_its_type_and_time) {
    const std::string content("a,b\0\n", 5);
    const auto path = written("orders.csv", content);
    fs::last_write_time(path, fs::file_time_type::clock::from_sys(std::chrono::sys_seconds(
                                  std::chrono::sys_days(std::chrono::year(1994) / 11 / 6))));
    const Response response = file(request_, path);
    EXPECT_EQ(response.status, 200);
    EXPECT_EQ(response.body.view(), content);
    EXPECT_EQ(response.content_type, "text/csv; charset=utf-8");
    EXPECT_EQ(header_of(response, "Last-Modified"), "Sun, 06 Nov 1994 00:00:00 GMT");
    EXPECT_EQ(header_of(response, "Content-Disposition"), std::nullopt);
    EXPECT_EQ(file(request_, written("x.unknown", "")).content_type, "application/octet-stream");
    EXPECT_EQ(file(request_, written("x", ""), FileOptions().content_type("a/b")).content_type,
              "a/b");
}

TEST_F(FileResponse, is_not_sent_to_who_has_it) {
    const auto path = written("a.txt", "text");
    const std::string tag = header_of(file(request_, path), "ETag").value();
    for (const std::string& value : {tag, "W/" + tag, "\"other\", " + tag, std::string("*")}) {
        request_.headers = {{"If-None-Match", value}};
        const Response response = file(request_, path);
        EXPECT_EQ(response.status, 304) << value;
        EXPECT_EQ(response.body.view(), "");
        EXPECT_EQ(header_of(response, "ETag"), tag);
    }
    for (const std::string value : {"\"other\"", "", ",,"}) {
        request_.headers = {{"If-None-Match", value}};
        EXPECT_EQ(file(request_, path).status, 200) << value;
    }
    request_.headers = {{"If-None-Match", tag}};
    written("a.txt", "text that is new");
    EXPECT_EQ(file(request_, path).status, 200);
}

TEST_F(FileResponse, can_be_offered_to_be_saved) {
    const auto path = written("a.txt", "text");
    const auto offered = [&](const std::string& name) {
        return header_of(file(request_, path, FileOptions().download_as(name)),
                         "Content-Disposition");
    };
    EXPECT_EQ(offered("orders-1.csv"), "attachment; filename=\"orders-1.csv\"");
    EXPECT_EQ(offered("a \"b\"\r\nX: y.csv"),
              "attachment; filename*=utf-8''a%20%22b%22%0D%0AX%3A%20y.csv");
    EXPECT_EQ(offered("Größe"), "attachment; filename*=utf-8''Gr%C3%B6%C3%9Fe");
}

TEST_F(FileResponse, of_what_is_no_file_is_404) {
    EXPECT_EQ(status_of(folder_ / "nope"), 404);
    EXPECT_EQ(status_of(written("a", "") / "b"), 404);
    EXPECT_EQ(status_of(folder_), 404);
    EXPECT_EQ(status_of("/dev/null"), 404);
    ASSERT_EQ(::mkfifo((folder_ / "pipe").c_str(), 0600), 0);
    EXPECT_EQ(status_of(folder_ / "pipe"), 404);
}

TEST_F(FileResponse, has_a_largest_size) {
    const auto path = written("large", std::string(1001, 'x'));
    EXPECT_THROW(file(request_, path, FileOptions().most_bytes(1000)), std::length_error);
    EXPECT_EQ(file(request_, path, FileOptions().most_bytes(1001)).body.view().size(), 1001U);
}

}  // namespace
}  // namespace signalbox::http
