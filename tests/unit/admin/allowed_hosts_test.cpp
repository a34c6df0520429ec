#include "signalbox/admin/allowed_hosts.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <initializer_list>
#include <string>

namespace signalbox::admin {
namespace {

using testing::HasSubstr;

bool allows(const AllowedHosts& hosts, std::initializer_list<http::Header> headers) {
    http::Request request;
    request.headers = headers;
    return !hosts.refusal(request);
}

TEST(AllowedHosts, are_addresses_and_localhost) {
    const AllowedHosts hosts;
    for (const char* host :
         {"127.0.0.1", "127.0.0.1:9464", "10.0.0.7:9464", "[::1]", "[::1]:9464",
          "[fe80::1%25eth0]:9464", "localhost", "LOCALHOST:9464", "localhost.:1"}) {
        EXPECT_TRUE(allows(hosts, {{"Host", host}})) << host;
    }
    for (const char* host : {"evil.example", "evil.example:9464", "localhost.evil.example",
                             "127.0.0.1.evil.example", "0x7f.1:80", "a", ":9464", ""}) {
        EXPECT_FALSE(allows(hosts, {{"Host", host}})) << host;
    }
    EXPECT_TRUE(allows(hosts, {})) << "a probe of HTTP/1.0";
}

TEST(AllowedHosts, are_those_that_are_named) {
    auto hosts = *AllowedHosts::parse("metrics.example,*.internal");
    hosts.allow_host("Admin.Local");
    for (const char* host : {"metrics.example", "METRICS.example:9464", "a.internal",
                             "a.b.internal:1", "admin.local"}) {
        EXPECT_TRUE(allows(hosts, {{"Host", host}})) << host;
    }
    for (const char* host : {"internal", "xinternal", "a.metrics.example", "metrics.example.evil"})
        EXPECT_FALSE(allows(hosts, {{"Host", host}})) << host;
    EXPECT_TRUE(allows(*AllowedHosts::parse("*"), {{"Host", "evil.example"}}));
}

TEST(AllowedHosts, refuse_the_origin_of_another_site) {
    auto hosts = *AllowedHosts::parse("admin.example");
    hosts.allow_host("127.0.0.1");  // as the flag's default has it
    const auto with = [&](const char* host, const char* origin) {
        return allows(hosts, {{"Host", host}, {"Origin", origin}});
    };
    EXPECT_TRUE(with("127.0.0.1:9464", "http://127.0.0.1:9464"));
    EXPECT_TRUE(with("[::1]:9464", "http://[::1]:9464"));
    EXPECT_TRUE(with("admin.example", "https://admin.example"));
    EXPECT_TRUE(with("127.0.0.1:9464", "https://ADMIN.example")) << "a proxy names another Host";
    for (const char* origin :
         {"http://evil.example", "null", "", "http://127.0.0.1", "http://localhost:9464",
          "http://127.0.0.1:3000", "http://127.0.0.1:9464.evil.example", "127.0.0.1:9464",
          "https://127.0.0.1:9", "http://127.0.0.1:port", "ftp://127.0.0.1:9464",
          "ftp://admin.example", "http://admin.example:80.evil.example"}) {
        EXPECT_FALSE(with("127.0.0.1:9464", origin)) << origin;
    }
    EXPECT_FALSE(allows(hosts, {{"Origin", "http://evil.example"}}));
    EXPECT_FALSE(allows(hosts, {{"Host", "admin.example"},
                                {"Origin", "https://admin.example"},
                                {"Origin", "http://evil.example"}}));
}

TEST(AllowedHosts, say_which_flag_it_is) {
    http::Request request;
    request.headers = {{"Host", "evil.example"}};
    EXPECT_THAT(std::string(AllowedHosts().refusal(request).value_or("")),
                HasSubstr("--admin-allowed-hosts"));
}

TEST(AllowedHosts, have_no_ports_and_no_schemes) {
    for (const char* text : {"a:80", "http://a", ",a", "*.", "*a", ".a", "a b", "a.", "a/b"})
        EXPECT_FALSE(AllowedHosts::parse(text)) << text;
    EXPECT_TRUE(AllowedHosts::parse(""));
}

}  // namespace
}  // namespace signalbox::admin
