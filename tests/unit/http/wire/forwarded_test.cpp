#include "signalbox/http/wire/forwarded.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace signalbox::http {
namespace {

using namespace std::string_literals;

TEST(ParseNode, takes_an_address_in_every_form_that_proxies_send) {
    for (const auto& [node, address] : {
             std::pair{"192.0.2.1", "192.0.2.1"},
             {"192.0.2.1:4711", "192.0.2.1"},
             {"192.0.2.1:_hidden", "192.0.2.1"},
             {"2001:DB8::0:1", "2001:db8::1"},
             {"2001:db8:0:0:0:0:0:8080", "2001:db8::8080"},
             {"[2001:db8::1]", "2001:db8::1"},
             {"[2001:db8::1]:443", "2001:db8::1"},
             {"[::ffff:192.0.2.1]:443", "192.0.2.1"},
             {"::ffff:192.0.2.1", "192.0.2.1"},
             {"::FFFF:c000:0201", "192.0.2.1"},
             {"fe80::1%eth0", "fe80::1"},
             {"[fe80::1%eth0]:80", "fe80::1"},
             {"::1", "::1"},
         }) {
        EXPECT_EQ(parse_node(node), address) << node;
    }
}

TEST(ParseNode, takes_nothing_else_for_an_address) {
    for (const auto& node : {""s,
                             "unknown"s,
                             "_hidden"s,
                             "localhost"s,
                             "192.0.2"s,
                             "192.0.2.1.5"s,
                             "192.0.2.256"s,
                             "010.1.2.3"s,
                             "192.0.2.1/8"s,
                             "192.0.2.1:"s,
                             "192.0.2.1:80x"s,
                             "192.0.2.1:123456"s,
                             "192.0.2.1:_"s,
                             "[192.0.2.1]"s,
                             "[2001:db8::1"s,
                             "2001:db8::1]"s,
                             "[2001:db8::1]443"s,
                             "[2001:db8::1]:"s,
                             "[]"s,
                             "[]:80"s,
                             "2001:db8::g"s,
                             ":80"s,
                             "192.0.2.1 "s,
                             "\"192.0.2.1\""s,
                             "192.0.2.1\0"s,
                             "*"s,
                             std::string(5000, '1')}) {
        EXPECT_EQ(parse_node(node), std::nullopt) << node;
    }
}

std::vector<std::string> clients(std::string_view header) {
    const auto elements = parse_forwarded(header);
    if (!elements) return {"malformed"};
    std::vector<std::string> found;
    for (const ForwardedElement& element : *elements)
        found.push_back(element.client.value_or("none") +
                        (element.scheme.empty() ? "" : " " + element.scheme));
    return found;
}

// Examples of RFC 7239, sections 4 and 7.
TEST(ParseForwarded, takes_the_header_apart) {
    using Clients = std::vector<std::string>;
    EXPECT_EQ(clients("for=192.0.2.60;proto=http;by=203.0.113.43"), Clients{"192.0.2.60 http"});
    EXPECT_EQ(clients("For=\"[2001:db8:cafe::17]:4711\""), Clients{"2001:db8:cafe::17"});
    EXPECT_EQ(clients("for=192.0.2.43, for=198.51.100.17"),
              (Clients{"192.0.2.43", "198.51.100.17"}));
    EXPECT_EQ(clients("for=_hidden, for=_SEVKISEK;proto=HTTPS"), (Clients{"none", "none https"}));
    EXPECT_EQ(clients("for=\"_gazonk\""), Clients{"none"});
    EXPECT_EQ(clients("for=192.0.2.43,for=\"[2001:db8:cafe::17]\",for=unknown"),
              (Clients{"192.0.2.43", "2001:db8:cafe::17", "none"}));
    EXPECT_EQ(clients(" for=192.0.2.43 ; proto=https ,, host=a "),
              (Clients{"192.0.2.43 https", "none"}));
    EXPECT_EQ(clients("for=[2001:db8::1]:80;host=\"a,b;for=\\\"x\\\"\""), Clients{"2001:db8::1"})
        << "unquoted as some send it; what is quoted is no separator";
    EXPECT_EQ(clients(""), Clients{});
}

TEST(ParseForwarded, refuses_what_is_malformed) {
    for (const auto* header :
         {"192.0.2.43", "for", "for 192.0.2.43", "=192.0.2.43", "for=\"192.0.2.43",
          "for=\"192.0.2.43\\", "for=192.0.2.43 proto=http", "for=\"192.0.2.43\"x",
          "for=192.0.2.43;for=192.0.2.44"}) {
        EXPECT_FALSE(parse_forwarded(header)) << header;
    }
}

TEST(IsPathPrefix, knows_paths_that_lead_nowhere_else) {
    for (const auto* prefix : {"/api", "/api/v1", "/a-b_c.d~e/F9"})
        EXPECT_TRUE(is_path_prefix(prefix)) << prefix;
    for (const auto* text : {"", "/", "api", "/api/", "//evil.example", "/a//b", "/a b", "/a%2fb",
                             "/a?b", "/a#b", "/a, /b", "https://evil.example", "/\\evil.example"}) {
        EXPECT_FALSE(is_path_prefix(text)) << text;
    }
}

}  // namespace
}  // namespace signalbox::http
