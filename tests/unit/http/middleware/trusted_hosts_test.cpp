#include "signalbox/http/middleware/trusted_hosts.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "signalbox/api/module.hpp"
#include "signalbox/http/middleware/process_time.hpp"
#include "signalbox/testing/client.hpp"

namespace signalbox::http {
namespace {

using testing::HasSubstr;
using testing::MatchesRegex;

async::Task<Response> greet() {
    co_return json({{"hello", "you"}});
}

int status(std::vector<std::string> allowed, const std::string& host) {
    api::Module module;
    module.get<greet>("/hello").add_middleware(
        trusted_hosts({.allowed_hosts = std::move(allowed)}));
    test::Client client(module);
    return client.get("/hello", {{"Host", host}}).status;
}

// What Starlette answers is compared in tests/fastapi; here is what it does not show.

TEST(TrustedHosts, takes_addresses_and_any_case) {
    EXPECT_EQ(status({"[::1]"}, "[::1]:8000"), 200);
    EXPECT_EQ(status({"[::1]"}, "[::2]:8000"), 400);
    EXPECT_EQ(status({"127.0.0.1"}, "127.0.0.1:80"), 200);
    EXPECT_EQ(status({"Example.com"}, "EXAMPLE.COM"), 200);
    EXPECT_EQ(status({"*.Example.com"}, "a.example.COM:8000"), 200);
    EXPECT_EQ(status({"a.example", "*"}, "b.example"), 200);
    EXPECT_EQ(status({}, "b.example"), 400);
}

TEST(TrustedHosts, refuses_what_no_host_is) {
    for (const char* const host :
         {"", "https://example.com", "example.com:8000", "*example.com", "a.*.com", "a,b", "*."}) {
        EXPECT_THROW(trusted_hosts({.allowed_hosts = {host}}), std::invalid_argument) << host;
    }
}

TEST(ProcessTime, says_how_long_the_answer_took) {
    api::Module module;
    module.get<greet>("/hello").add_middleware(process_time());
    test::Client client(module);
    for (const char* const path : {"/hello", "/none"}) {
        const auto response = client.get(path);
        EXPECT_THAT(std::string(response.header("X-Process-Time").value_or("")),
                    MatchesRegex("0\\.[0-9]{6}"));
        EXPECT_THAT(std::string(response.header("Server-Timing").value_or("")),
                    MatchesRegex("app;dur=[0-9]+\\.[0-9]{3}"));
    }
}

}  // namespace
}  // namespace signalbox::http
