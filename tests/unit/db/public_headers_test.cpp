#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <regex>
#include <set>
#include <string>

#include "support/paths.hpp"

namespace signalbox::db {
namespace {

namespace fs = std::filesystem;

const fs::path sources = fs::path(test::source_folder()) / "src";

/// What a header includes, itself or by others of ours: names as they stand between the brackets.
void collect(const fs::path& header, std::set<std::string>& found) {
    static const std::regex include(R"(^\s*#\s*include\s*[<"]([^>"]+)[>"].*)");
    std::ifstream file(sources / header);
    ASSERT_TRUE(file) << header;
    for (std::string line; std::getline(file, line);) {
        std::smatch match;
        if (!std::regex_match(line, match, include)) continue;
        const std::string name = match[1];
        if (!found.insert(name).second) continue;
        if (name.starts_with("signalbox/") && fs::exists(sources / name)) collect(name, found);
    }
}

// A service compiles these with each of its handlers.
TEST(public_headers_of_db, show_nothing_of_what_is_behind_them) {
    int headers = 0;
    for (const auto& entry : fs::directory_iterator(sources / "signalbox/db")) {
        if (entry.path().extension() != ".hpp") continue;
        ++headers;
        const fs::path header = fs::path("signalbox/db") / entry.path().filename();
        std::set<std::string> included;
        collect(header, included);
        for (const std::string& name : included) {
            for (const auto* library : {"pqxx/", "libpq", "prometheus/", "spdlog/", "pistache/",
                                        "fmt/", "rapidjson/", "signalbox/db/detail/"}) {
                EXPECT_FALSE(name.starts_with(library)) << header << " includes " << name;
            }
        }
    }
    EXPECT_GE(headers, 5);
}

}  // namespace
}  // namespace signalbox::db
