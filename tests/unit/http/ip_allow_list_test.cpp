#include "signalbox/http/ip_allow_list.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string_view>

namespace signalbox::http {
namespace {

using testing::EndsWith;
using testing::HasSubstr;

IpAllowList list(std::string_view text) {
    const auto parsed = IpAllowList::parse(text);
    if (!parsed) ADD_FAILURE() << text << ": " << parsed.reason();
    return parsed ? *parsed : IpAllowList{};
}

TEST(IpAllowList, trusts_the_addresses_named_and_no_other) {
    const IpAllowList allowed = list("127.0.0.1, 10.1.2.3 ,::1");
    EXPECT_TRUE(allowed.contains("127.0.0.1"));
    EXPECT_TRUE(allowed.contains("10.1.2.3"));
    EXPECT_TRUE(allowed.contains("::1"));
    EXPECT_TRUE(allowed.contains("0:0:0:0:0:0:0:1"));
    EXPECT_FALSE(allowed.contains("127.0.0.2"));
    EXPECT_FALSE(allowed.contains("10.1.2.30"));
    EXPECT_FALSE(allowed.contains("::2"));
}

TEST(IpAllowList, trusts_networks_up_to_their_edges) {
    const IpAllowList allowed = list("10.0.0.0/8,192.168.4.0/22,203.0.113.7/32");
    EXPECT_TRUE(allowed.contains("10.0.0.0"));
    EXPECT_TRUE(allowed.contains("10.255.255.255"));
    EXPECT_FALSE(allowed.contains("9.255.255.255"));
    EXPECT_FALSE(allowed.contains("11.0.0.0"));
    EXPECT_TRUE(allowed.contains("192.168.4.0"));
    EXPECT_TRUE(allowed.contains("192.168.7.255"));
    EXPECT_FALSE(allowed.contains("192.168.8.0"));
    EXPECT_FALSE(allowed.contains("192.168.3.255"));
    EXPECT_TRUE(allowed.contains("203.0.113.7"));
    EXPECT_FALSE(allowed.contains("203.0.113.6"));
}

TEST(IpAllowList, trusts_ipv6_networks) {
    const IpAllowList allowed = list("2001:db8::/33,fe80::/10");
    EXPECT_TRUE(allowed.contains("2001:db8:7fff:ffff::1"));
    EXPECT_FALSE(allowed.contains("2001:db8:8000::1"));
    EXPECT_TRUE(allowed.contains("fe80::1%eth0"));
    EXPECT_TRUE(allowed.contains("febf::1"));
    EXPECT_FALSE(allowed.contains("fec0::1"));
}

TEST(IpAllowList, takes_an_ipv4_mapped_peer_for_the_ipv4_peer) {
    EXPECT_TRUE(list("127.0.0.1").contains("::ffff:127.0.0.1"));
    EXPECT_TRUE(list("10.0.0.0/8").contains("::ffff:10.9.8.7"));
    EXPECT_FALSE(list("10.0.0.0/8").contains("::ffff:11.0.0.1"));
    EXPECT_TRUE(list("::ffff:127.0.0.1").contains("127.0.0.1"));
    // ::127.0.0.1 is IPv4-compatible, another address.
    EXPECT_FALSE(list("127.0.0.1").contains("::127.0.0.1"));
}

TEST(IpAllowList, keeps_all_of_ipv4_apart_from_all_of_ipv6) {
    EXPECT_TRUE(list("0.0.0.0/0").contains("8.8.8.8"));
    EXPECT_FALSE(list("0.0.0.0/0").contains("2001:db8::1"));
    EXPECT_TRUE(list("::/0").contains("2001:db8::1"));
}

TEST(IpAllowList, trusts_every_peer_with_an_asterisk) {
    EXPECT_TRUE(list("*").contains("203.0.113.9"));
    EXPECT_TRUE(list("127.0.0.1,*").contains("2001:db8::1"));
    EXPECT_TRUE(list("*").contains("not an address"));
}

TEST(IpAllowList, trusts_nobody_when_empty) {
    EXPECT_FALSE(list("").contains("127.0.0.1"));
    EXPECT_FALSE(list("  ").contains("127.0.0.1"));
    EXPECT_FALSE(IpAllowList{}.contains("127.0.0.1"));
}

TEST(IpAllowList, does_not_trust_what_is_no_address) {
    const IpAllowList allowed = list("0.0.0.0/0,::/0");
    for (const std::string_view text :
         {"", "localhost", "127.0.0.1:80", "[::1]", "127.1", "%eth0"}) {
        EXPECT_FALSE(allowed.contains(text)) << text;
    }
    EXPECT_FALSE(list("127.0.0.1").contains(std::string_view{"127.0.0.1\0", 10}));
}

TEST(IpAllowList, believes_clients_of_a_unix_socket_only_where_it_says_so) {
    EXPECT_TRUE(list("10.0.0.0/8, unix").contains(unix_peer));
    EXPECT_TRUE(list("*").contains(unix_peer));
    EXPECT_FALSE(list("10.0.0.0/8").contains(unix_peer));
    EXPECT_FALSE(list("unix").contains("127.0.0.1"));
}

TEST(IpAllowList, refuses_bad_lists) {
    for (const std::string_view text :
         {"localhost", "127.0.0.1,", ",127.0.0.1", "a,,b", "127.0.0.1;::1", "127.0.0.256", "/8",
          "**", "*/8", "fe80::1%lo", "fe80::1%1", "fe80::%lo/10", "0x7f.0.0.1", "127.1"}) {
        const auto parsed = IpAllowList::parse(text);
        ASSERT_FALSE(parsed) << text;
        EXPECT_THAT(parsed.reason(), EndsWith("is no IP address, network, unix or *")) << text;
    }
    EXPECT_FALSE(IpAllowList::parse(std::string_view{"127.0.0.1\0", 10}));
}

TEST(IpAllowList, says_what_is_wrong_with_a_prefix_length) {
    for (const std::string_view text :
         {"10.0.0.0/33", "10.0.0.0/", "10.0.0.0/-1", "10.0.0.0/8/8", "10.0.0.0/ 8",
          "10.0.0.0/255.0.0.0", "10.0.0.0/4294967304", "10.0.0.0/99999999999999999999999"}) {
        const auto parsed = IpAllowList::parse(text);
        ASSERT_FALSE(parsed) << text;
        EXPECT_THAT(parsed.reason(), HasSubstr("the prefix length: ")) << text;
        EXPECT_THAT(parsed.reason(), EndsWith("expected a whole number from 0 to 32")) << text;
    }
    EXPECT_EQ(IpAllowList::parse("::/129").reason(),
              "\"::/129\": the prefix length: \"129\": expected a whole number from 0 to 128");
    for (const std::string_view text : {"10.0.0.1/8", "::1/64", "255.255.255.255/31", "::1/0"}) {
        const auto parsed = IpAllowList::parse(text);
        ASSERT_FALSE(parsed) << text;
        EXPECT_THAT(parsed.reason(), EndsWith("has bits set after its prefix")) << text;
    }
}

}  // namespace
}  // namespace signalbox::http
