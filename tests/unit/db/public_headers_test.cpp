#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "support/paths.hpp"

namespace signalbox::db {
namespace {

namespace fs = std::filesystem;

const fs::path sources = fs::path(test::source_folder()) / "src";

/// The name between the brackets, if the line is an #include. (Not by a std::regex, of which g++ 12
/// warns without a reason under AddressSanitizer.)
std::optional<std::string> included_by(std::string_view line) {
    for (const std::string_view word : {"#", "include"}) {
        line.remove_prefix(std::min(line.find_first_not_of(" \t"), line.size()));
        if (!line.starts_with(word)) return std::nullopt;
        line.remove_prefix(word.size());
    }
    const auto begin = line.find_first_of("<\"");
    const auto end = line.find_last_of(">\"");
    if (begin == std::string_view::npos || end <= begin) return std::nullopt;
    return std::string(line.substr(begin + 1, end - begin - 1));
}

/// What a header includes, itself or by others of ours: names as they stand between the brackets.
void collect(const fs::path& header, std::set<std::string>& found) {
    std::ifstream file(sources / header);
    ASSERT_TRUE(file) << header;
    for (std::string line; std::getline(file, line);) {
        const auto name = included_by(line);
        if (!name || !found.insert(*name).second) continue;
        if (name->starts_with("signalbox/") && fs::exists(sources / *name)) collect(*name, found);
    }
}

// A service compiles these with each of its handlers.
TEST(PublicHeadersOfDb, show_nothing_of_what_is_behind_them) {
    int headers = 0;
    for (const auto& entry : fs::directory_iterator(sources / "signalbox/db")) {
        if (entry.path().extension() != ".hpp") continue;
        ++headers;
        const fs::path header = fs::path("signalbox/db") / entry.path().filename();
        std::set<std::string> included;
        collect(header, included);
        EXPECT_FALSE(included.empty()) << header;
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
