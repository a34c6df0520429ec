// What stands around an application answers as what stands around FastAPI does, but for the
// differences that are listed.

#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <iostream>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

#include "fastapi/recorded.hpp"
#include "signalbox/api/module.hpp"
#include "signalbox/http/errors.hpp"
#include "signalbox/http/middleware/compression.hpp"
#include "signalbox/http/middleware/cors.hpp"
#include "signalbox/http/middleware/trusted_hosts.hpp"
#include "signalbox/testing/client.hpp"
#include "support/decompress.hpp"
#include "support/paths.hpp"

namespace fastapi {
namespace {

namespace api = signalbox::api;
namespace http = signalbox::http;
using signalbox::async::Task;
using signalbox::test::Client;
using signalbox::test::Response;

struct Item {
    int item;
};
struct Number {
    int number;
};
struct Type {
    std::string type;
};

Task<Item> get_item() {
    co_return Item{1};
}
Task<Item> post_item() {
    co_return Item{2};
}
Task<Number> number(int number) {
    co_return Number{number};
}
Task<http::Response> headers() {
    http::Response response = http::json({{"headers", std::int64_t{2}}});
    response.headers = {{"Vary", "Accept-Language"},
                        {"Access-Control-Allow-Origin", "https://handler.example"}};
    co_return response;
}
Task<http::Response> refuse() {
    throw http::HttpError(409, "No", {{"X-Reason", "none"}});
    co_return http::Response{};
}
Task<http::Response> fail() {
    throw std::runtime_error("failed");
    co_return http::Response{};
}
http::Response text(std::size_t size) {
    return {.content_type = "text/plain; charset=utf-8", .body = std::string(size, 'x')};
}
Task<http::Response> sized(int size) {
    co_return text(static_cast<std::size_t>(size));
}
Task<http::Response> encoded() {
    http::Response response = text(1000);
    response.headers = {{"Content-Encoding", "identity"}};
    co_return response;
}
Task<http::Response> typed(api::Query<Type> query) {
    const bool is_text = query->type.starts_with("text/");
    co_return http::Response{.content_type = query->type + (is_text ? "; charset=utf-8" : ""),
                             .body = std::string(1000, 'x')};
}
Task<http::Response> tagged() {
    http::Response response = text(1000);
    response.headers = {{"ETag", "\"1\""}};
    co_return response;
}
Task<> none() {
    co_return;
}

api::Module behind(http::Middleware middleware) {
    api::Module module;
    module.get<get_item>("/item").post<post_item>("/item", {.status = 201});
    module.get<number>("/number/{number}").get<headers>("/headers").get<refuse>("/refuse");
    module.get<fail>("/fail").get<sized>("/sized/{size}").get<encoded>("/encoded");
    module.get<typed>("/typed").get<tagged>("/tagged").get<none>("/none");
    module.add_middleware(std::move(middleware));
    return module;
}

/// As in middleware_app.py.
std::map<std::string, std::unique_ptr<Client>, std::less<>> applications() {
    std::map<std::string, std::unique_ptr<Client>, std::less<>> all;
    const auto add = [&all](const char* path, http::Middleware middleware) {
        all.emplace(path, std::make_unique<Client>(behind(std::move(middleware))));
    };
    const std::string shop = "https://shop.example";
    add("default", http::cors({}));
    add("some", http::cors({.allow_origins = {shop, "http://localhost:3000"}}));
    add("all", http::cors({.allow_origins = {"*"}}));
    add("all-with-credentials", http::cors({.allow_origins = {"*"},
                                            .allow_methods = {"*"},
                                            .allow_headers = {"*"},
                                            .allow_credentials = true}));
    add("pattern", http::cors({.allow_origins = {"null"},
                               .allow_origin_regex = R"(https://.*\.example\.org)",
                               .allow_methods = {"GET", "POST"},
                               .allow_headers = {"X-Token", "accept", "X-Token"},
                               .expose_headers = {"X-Total", "ETag"},
                               .max_age = std::chrono::seconds(60)}));
    add("some-with-credentials", http::cors({.allow_origins = {shop},
                                             .allow_methods = {"POST", "FETCH"},
                                             .allow_headers = {"*", "X-Token"},
                                             .allow_credentials = true}));
    add("gzip", http::compression());
    add("gzip-from-10", http::compression({.minimum_size = 10}));
    add("hosts", http::trusted_hosts(
                     {.allowed_hosts = {"example.com", "*.example.org", "www.shop.example"}}));
    add("hosts-as-they-are",
        http::trusted_hosts({.allowed_hosts = {"www.shop.example"}, .www_redirect = false}));
    add("any-host", http::trusted_hosts({}));
    return all;
}

/// Those of a response that `record` keeps.
constexpr std::array<std::string_view, 12> headers_to_compare{"access-control-allow-credentials",
                                                              "access-control-allow-headers",
                                                              "access-control-allow-methods",
                                                              "access-control-allow-origin",
                                                              "access-control-expose-headers",
                                                              "access-control-max-age",
                                                              "allow",
                                                              "content-encoding",
                                                              "content-type",
                                                              "location",
                                                              "vary",
                                                              "x-reason"};

/// There the application is below a path, and says so in a redirect that is not relative.
std::string without_mount(std::string_view location, std::string_view mount) {
    std::string result(location);
    if (const auto found = result.find(mount); found != result.npos)
        result.erase(found, mount.size());
    return result;
}

std::string difference(const Recorded& recorded, const Response& response, std::string_view mount) {
    std::string text;
    const auto compare = [&text](std::string_view what, std::string_view ours,
                                 std::string_view theirs) {
        if (ours == theirs) return;
        text.append(what).append("\n    here:    ").append(ours.substr(0, 200));
        text.append("\n    FastAPI: ").append(theirs.substr(0, 200)).append("\n");
    };
    compare("status", std::to_string(response.status), std::to_string(recorded.status));
    for (const std::string_view name : headers_to_compare) {
        std::string theirs = "none";
        for (const auto& [its_name, value] : recorded.answer_headers) {
            if (its_name == name) theirs = value;
        }
        if (name == "location") theirs = without_mount(theirs, mount);
        compare(name, response.header(name).value_or("none"), theirs);
    }
    const bool is_gzip = response.header("content-encoding") == "gzip";
    compare("body", is_gzip ? signalbox::test::gunzip(response.body) : response.body,
            recorded.answer);
    return text;
}

/// Why an answer is another one; null when it has to be the same. README.md explains them.
const char* known_difference(const Recorded& recorded) {
    const std::string_view name = recorded.name;
    const auto is = [name](std::string_view what) {
        return name.ends_with(": " + std::string(what));
    };
    if (is("failed")) return "a 500 passes through, too, and is JSON";
    if (is("method not allowed") || is("OPTIONS, no preflight") || is("OPTIONS from nowhere") ||
        is("preflight from nowhere"))
        return "Allow has all methods";
    if (is("0 bytes")) return "no content has no content type";
    if (name.ends_with("gzip;q=0") || is("Accept-Encoding: *"))
        return "Accept-Encoding is read as RFC 9110 has it";
    if (name.starts_with("gzip-from-10") &&
        (is("10 bytes") || is("11 bytes") || is("a Vary of its own") || is("not found")))
        return "what does not get smaller is sent as it is";
    if (is("of type image/png") || is("of type video/mp4") || is("of type application/zip"))
        return "what is compressed already is not compressed again";
    if (is("Host: EXAMPLE.com") && name.starts_with("hosts:"))
        return "the names of hosts are the same in any case";
    return nullptr;
}

TEST(FastApi, has_the_same_around_it_but_for_what_is_listed) {
    const auto all =
        read_recorded(signalbox::test::source_folder() + "/tests/fastapi/middleware-answers.json");
    ASSERT_GT(all.size(), 250U);
    const auto clients = applications();
    std::map<std::string_view, std::size_t> counts;
    std::size_t equal = 0;
    for (const Recorded& recorded : all) {
        const std::string_view target = recorded.target;
        const auto slash = target.find('/', 1);
        const auto client = clients.find(target.substr(1, slash - 1));
        ASSERT_NE(client, clients.end()) << target;
        const auto response = client->second->request(recorded.method, target.substr(slash),
                                                      recorded.body, recorded.headers);
        const std::string differs = difference(recorded, response, target.substr(0, slash));
        if (const char* const known = known_difference(recorded)) {
            EXPECT_FALSE(differs.empty()) << recorded.name << " does not differ: " << known;
            ++counts[known];
        } else {
            EXPECT_TRUE(differs.empty()) << recorded.name << '\n' << differs << response.cause;
            equal += differs.empty() ? 1 : 0;
        }
    }
    std::cout << all.size() << " requests, " << equal << " answered as FastAPI answers them";
    for (const auto& [why, count] : counts)
        std::cout << "; " << count << ' ' << why;
    std::cout << '\n';
}

}  // namespace
}  // namespace fastapi
