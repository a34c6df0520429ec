// Every request that was recorded is answered as FastAPI answered it, but for the differences that
// are listed.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <iostream>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "fastapi/app.hpp"
#include "fastapi/differences.hpp"
#include "fastapi/recorded.hpp"
#include "signalbox/testing/client.hpp"
#include "support/paths.hpp"

namespace fastapi {
namespace {

using signalbox::test::Response;

/// Those of a response that `record` keeps.
constexpr std::array<std::string_view, 9> compared_headers{
    "allow",         "content-type",     "link",     "location", "retry-after",
    "x-total-count", "www-authenticate", "x-queued", "x-reason"};

std::map<std::string, std::string> headers_of(const Response& response) {
    std::map<std::string, std::string> headers;
    for (const std::string_view name : compared_headers) {
        if (const auto value = response.header(name))
            headers.emplace(std::string(name), std::string(*value));
    }
    return headers;
}

/// What differs, or nothing.
std::string difference(const Recorded& recorded, const Response& response) {
    std::string text;
    const auto say = [&text](std::string_view what, std::string_view ours,
                             std::string_view theirs) {
        text.append(what).append("\n    here:    ").append(ours);
        text.append("\n    FastAPI: ").append(theirs).append("\n");
    };
    if (response.status != recorded.status)
        say("status", std::to_string(response.status), std::to_string(recorded.status));
    const std::map<std::string, std::string> theirs(recorded.answer_headers.begin(),
                                                    recorded.answer_headers.end());
    const auto ours = headers_of(response);
    for (const std::string_view name : compared_headers) {
        const auto one = ours.find(std::string(name));
        const auto other = theirs.find(std::string(name));
        const std::string_view here = one == ours.end() ? "none" : std::string_view(one->second);
        const std::string_view there =
            other == theirs.end() ? "none" : std::string_view(other->second);
        if (here != there) say(name, here, there);
    }
    if (response.body != recorded.answer) say("body", response.body, recorded.answer);
    return text;
}

TEST(FastApi, answers_the_same_but_for_what_is_listed) {
    const auto all =
        read_recorded(signalbox::test::source_folder() + "/tests/fastapi/answers.json");
    ASSERT_GT(all.size(), 800U);
    std::map<std::string_view, std::string_view> listed;
    for (const Difference& each : differences()) {
        for (const std::string_view request : each.requests) {
            const auto [known, is_new] = listed.emplace(request, each.name);
            EXPECT_TRUE(is_new) << request << " is in \"" << known->second << "\" and in \""
                                << each.name << '"';
        }
    }
    signalbox::test::Client client(app());
    std::map<std::string_view, std::size_t> counts;
    std::size_t equal = 0;
    for (const Recorded& recorded : all) {
        const auto response =
            client.request(recorded.method, recorded.target, recorded.body, recorded.headers);
        const std::string differs = difference(recorded, response);
        const auto known = listed.find(recorded.name);
        if (known == listed.end()) {
            equal += differs.empty() ? 1 : 0;
            if (!differs.empty())
                ADD_FAILURE() << recorded.name << '\n' << differs << response.cause;
            continue;
        }
        EXPECT_FALSE(differs.empty())
            << recorded.name << " does not differ any more: \"" << known->second << '"';
        ++counts[known->second];
        listed.erase(known);
    }
    for (const auto& [request, difference] : listed)
        ADD_FAILURE() << "in \"" << difference << "\", but not recorded: " << request;
    std::string summary = std::to_string(all.size()) + " requests, " + std::to_string(equal) +
                          " answered as FastAPI answers them";
    for (const Difference& each : differences()) {
        summary.append("; ").append(std::to_string(counts[each.name])).append(" ");
        summary.append(each.name);
    }
    RecordProperty("summary", summary);
    std::cout << summary << '\n';
}

}  // namespace
}  // namespace fastapi
