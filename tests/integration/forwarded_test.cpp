// Whom a request is from and by which scheme it came, as far as a proxy can be trusted to say so.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "support/eventually.hpp"
#include "support/http_client.hpp"
#include "support/log_lines.hpp"
#include "support/prometheus.hpp"
#include "support/service.hpp"

namespace signalbox::test {
namespace {

using namespace std::string_literals;

struct Forwarded : testing::Test {
    const std::string database = database_with_users(0);

    /// What the log takes for the client's address.
    static std::string client_of(const Service& service, std::vector<std::string> headers,
                                 const std::string& url = {}) {
        static int number = 0;
        const std::string id = "forwarded-" + std::to_string(++number);
        headers.push_back("X-Request-ID: " + id);
        const auto response = send(
            {.url = url.empty() ? service.url("/fast-task") : url, .headers = std::move(headers)});
        EXPECT_EQ(response.status, 200);
        return wait_for_line(service, "request_id", id).text("client.address");
    }

    static double requests_by(const Service& service, const std::string& scheme) {
        return service.metric("http_server_request_duration_seconds_count",
                              {{"url_scheme", scheme}});
    }
};

TEST_F(Forwarded, client_is_the_last_address_that_is_not_a_trusted_proxys) {
    const Service service(
        database, {"--forwarded-allow-ips", "127.0.0.1, 10.0.0.0/8, 2001:db8:1::/48, 192.0.2.7"});
    struct Case {
        std::vector<std::string> headers;
        std::string expected;
    };
    const Case cases[] = {
        {{}, "127.0.0.1"},
        {{"X-Forwarded-For: 203.0.113.9"}, "203.0.113.9"},
        {{"X-Forwarded-For: 198.51.100.1, 203.0.113.9"}, "203.0.113.9"},
        // Proxies in a row: each added the one before it.
        {{"X-Forwarded-For: 203.0.113.9, 10.1.2.3"}, "203.0.113.9"},
        {{"X-Forwarded-For: 198.51.100.1, 203.0.113.9, 192.0.2.7, 10.1.2.3, 10.9.9.9"},
         "203.0.113.9"},
        {{"X-Forwarded-For: 203.0.113.9", "X-Forwarded-For: 10.1.2.3"}, "203.0.113.9"},
        {{"X-Forwarded-For: 198.51.100.1", "x-forwarded-FOR:203.0.113.9 ,10.1.2.3,"},
         "203.0.113.9"},
        // The network ends somewhere.
        {{"X-Forwarded-For: 203.0.113.9, 11.0.0.1"}, "11.0.0.1"},
        {{"X-Forwarded-For: 203.0.113.9, 192.0.2.8"}, "192.0.2.8"},
        // Only proxies: then the first of them asked.
        {{"X-Forwarded-For: 10.1.2.3, 10.4.5.6"}, "10.1.2.3"},
        {{"X-Forwarded-For: 2001:db8:2::1"}, "2001:db8:2::1"},
        {{"X-Forwarded-For: 2001:db8:2::1, 2001:DB8:1::0042, 10.1.2.3"}, "2001:db8:2::1"},
        {{"X-Forwarded-For: 203.0.113.9, ::ffff:10.1.2.3"}, "203.0.113.9"},
        {{"X-Forwarded-For: 203.0.113.9", "X-Forwarded-For;"}, "203.0.113.9"},
        // With a port, in brackets, mapped: the client's address all the same.
        {{"X-Forwarded-For: 203.0.113.9:4711"}, "203.0.113.9"},
        {{"X-Forwarded-For: 203.0.113.9:4711, 10.1.2.3:80"}, "203.0.113.9"},
        {{"X-Forwarded-For: [2001:DB8:2::1]:443, [2001:db8:1::42]"}, "2001:db8:2::1"},
        {{"X-Forwarded-For: ::ffff:203.0.113.9"}, "203.0.113.9"},
        {{"Forwarded: for=203.0.113.9"}, "127.0.0.1"},
        {{"X-Real-IP: 203.0.113.9"}, "127.0.0.1"},
    };
    for (const auto& [headers, expected] : cases)
        EXPECT_EQ(client_of(service, headers), expected) << testing::PrintToString(headers);
}

TEST_F(Forwarded, client_is_never_what_is_no_address) {
    const Service service(database, {"--forwarded-allow-ips", "127.0.0.1,10.0.0.0/8"});
    for (const auto& text :
         {"unknown"s, "_hidden"s, "10.1.2.3:x"s, "10.1.2"s, "10.1.2.3/8"s, "010.1.2.3x"s, "*"s,
          "\"10.1.2.3\""s, "a b"s, "{\"a\":1}\\"s, std::string(5000, '1')}) {
        // Nothing in front of it is believed: who wrote it is nobody we know.
        EXPECT_EQ(client_of(service, {"X-Forwarded-For: 203.0.113.9, " + text}), "127.0.0.1");
        EXPECT_EQ(client_of(service, {"X-Forwarded-For: 203.0.113.9, " + text + ", 10.4.5.6"}),
                  "10.4.5.6")
            << "the last of whom there is an address";
    }
    // The semicolon is how libcurl is told to send a header without a value.
    for (const char* nothing : {"X-Forwarded-For;", "X-Forwarded-For: ,", "X-Forwarded-For: , ,"})
        EXPECT_EQ(client_of(service, {nothing}), "127.0.0.1") << nothing;
    EXPECT_EQ(client_of(service, {"X-Forwarded-For: caf\xc3\xa9\xff"}), "127.0.0.1");
}

TEST_F(Forwarded, client_is_the_peer_when_that_is_no_trusted_proxy) {
    const Service service(database, {"--forwarded-allow-ips", "10.0.0.0/8,::1"});
    for (const char* address : {"203.0.113.9", "10.1.2.3", "127.0.0.1", "::1", "unknown"}) {
        EXPECT_EQ(client_of(service, {"X-Forwarded-For: " + std::string(address),
                                      "X-Forwarded-Proto: https"}),
                  "127.0.0.1");
    }
    EXPECT_TRUE(eventually([&] { return requests_by(service, "http") == 5; }));
    EXPECT_EQ(requests_by(service, "https"), 0);
}

TEST_F(Forwarded, client_is_the_first_when_everybody_is_trusted) {
    const Service service(database, {"--forwarded-allow-ips", "*"});
    EXPECT_EQ(client_of(service, {"X-Forwarded-For: 203.0.113.9, 198.51.100.1"}), "203.0.113.9");
    EXPECT_EQ(client_of(service, {}), "127.0.0.1");
}

TEST_F(Forwarded, client_is_the_peer_when_nobody_is_trusted) {
    const Service service(database, {"--forwarded-allow-ips", ""});
    EXPECT_EQ(client_of(service, {"X-Forwarded-For: 203.0.113.9"}), "127.0.0.1");
}

TEST_F(Forwarded, header_of_the_standard_is_believed_where_it_is_named) {
    const Service service(database, {"--forwarded-headers", "Forwarded", "--forwarded-allow-ips",
                                     "127.0.0.1,10.0.0.0/8"});
    struct Case {
        std::vector<std::string> headers;
        std::string expected;
    };
    const Case cases[] = {
        {{"Forwarded: for=203.0.113.9;proto=https"}, "203.0.113.9"},
        {{"Forwarded: for=\"[2001:db8::1]:4711\""}, "2001:db8::1"},
        {{"Forwarded: for=198.51.100.1, for=203.0.113.9, for=\"10.1.2.3:80\""}, "203.0.113.9"},
        {{"Forwarded: for=203.0.113.9", "Forwarded: for=10.1.2.3"}, "203.0.113.9"},
        {{"Forwarded: for=203.0.113.9, for=_hidden, for=10.1.2.3"}, "10.1.2.3"},
        // Malformed: nothing of it is believed, nor of what came before it.
        {{"Forwarded: for=203.0.113.9", "Forwarded: for=\"10.1.2.3"}, "127.0.0.1"},
        // The proxy passes this on as the client has sent it.
        {{"X-Forwarded-For: 203.0.113.9", "X-Forwarded-Proto: https"}, "127.0.0.1"},
    };
    for (const auto& [headers, expected] : cases)
        EXPECT_EQ(client_of(service, headers), expected) << testing::PrintToString(headers);
    EXPECT_TRUE(eventually([&] { return requests_by(service, "https") == 1; }));
}

TEST_F(Forwarded, header_that_is_not_named_is_the_clients) {
    const Service none(database, {"--forwarded-headers", ""});
    EXPECT_EQ(client_of(none, {"X-Forwarded-For: 203.0.113.9"}), "127.0.0.1");
    const Service usual(database);
    EXPECT_EQ(client_of(usual, {"Forwarded: for=203.0.113.9"}), "127.0.0.1");
    EXPECT_EQ(send({.url = usual.url("/users/"), .headers = {"X-Forwarded-Prefix: /evil"}})
                  .header("location"),
              "/users");
}

TEST_F(Forwarded, prefix_is_the_path_below_which_the_proxy_has_it) {
    const Service service(database, {"--root-path", "/api", "--forwarded-headers",
                                     "x-forwarded-for,x-forwarded-prefix"});
    const auto location = [&](std::vector<std::string> headers) {
        const auto response =
            send({.url = service.url("/users/?limit=3"), .headers = std::move(headers)});
        EXPECT_EQ(response.status, 307);
        return response.header("location");
    };
    EXPECT_EQ(location({}), "/api/users?limit=3") << "the path that a proxy strips";
    EXPECT_EQ(location({"X-Forwarded-Prefix: /shop/v1"}), "/shop/v1/users?limit=3");
    EXPECT_EQ(location({"X-Forwarded-Prefix: /client", "X-Forwarded-Prefix: /proxy"}),
              "/proxy/users?limit=3");
    for (const char* bad : {"//evil.example", "https://evil.example", "/a b", "/", "/a/", "/a, /b"})
        EXPECT_EQ(location({"X-Forwarded-Prefix: " + std::string(bad)}), "/api/users?limit=3");

    const auto openapi = [&](std::vector<std::string> headers) {
        return send({.url = service.url("/openapi.json"), .headers = std::move(headers)}).body;
    };
    EXPECT_THAT(openapi({}), testing::HasSubstr(R"("servers":[{"url":"/api"}],"paths":)"));
    EXPECT_THAT(openapi({"X-Forwarded-Prefix: /shop"}),
                testing::HasSubstr(R"("servers":[{"url":"/shop"}],"paths":)"));
    EXPECT_THAT(send({.url = service.url("/docs"), .headers = {"X-Forwarded-Prefix: /shop"}}).body,
                testing::HasSubstr("/shop/openapi.json"));
}

TEST_F(Forwarded, scheme_is_http_or_https_and_nothing_else) {
    const Service service(database);  // trusts 127.0.0.1
    for (const char* proto :
         {"https", "http", "HTTPS", "https, http", "wss", "", "\"https\"", "https://", "gopher"}) {
        EXPECT_EQ(send({.url = service.url("/fast-task"),
                        .headers = {"X-Forwarded-Proto: " + std::string(proto) + " "}})
                      .status,
                  200);
    }
    EXPECT_TRUE(eventually([&] { return requests_by(service, "http") == 8; }));
    EXPECT_EQ(requests_by(service, "https"), 1);
}

TEST_F(Forwarded, peers_may_have_ipv6_addresses) {
    if (!std::filesystem::exists("/proc/net/if_inet6")) GTEST_SKIP() << "there is no IPv6 here";
    const auto on = [](const Service& service, const std::string& host) {
        return "http://" + host + ":" + std::to_string(service.port()) + "/fast-task";
    };
    const std::vector<std::string> forwarded{"X-Forwarded-For: 203.0.113.9"};
    {
        const Service service(database, {"--host", "::1", "--forwarded-allow-ips", "::1/128"});
        EXPECT_EQ(client_of(service, forwarded, on(service, "[::1]")), "203.0.113.9");
        EXPECT_EQ(client_of(service, {}, on(service, "[::1]")), "::1");
    }
    {
        // As a proxy on the same machine may come by either address.
        const Service service(database, {"--host", "::1"});
        EXPECT_EQ(client_of(service, forwarded, on(service, "[::1]")), "203.0.113.9");
    }
    // A socket for both families shows IPv4 addresses as IPv6 ones.
    const Service service(database, {"--host", "::", "--forwarded-allow-ips", "127.0.0.1"});
    EXPECT_EQ(client_of(service, forwarded, on(service, "[::1]")), "::1");
    EXPECT_EQ(client_of(service, forwarded, on(service, "127.0.0.1")), "203.0.113.9");
}

}  // namespace
}  // namespace signalbox::test
