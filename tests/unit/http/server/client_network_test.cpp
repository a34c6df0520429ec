#include "signalbox/http/server/client_network.hpp"

#include <gtest/gtest.h>

#include <optional>

namespace signalbox::http {
namespace {

TEST(ClientNetwork, is_each_IPv4_address_by_itself) {
    EXPECT_TRUE(client_network("192.0.2.1"));
    EXPECT_EQ(client_network("192.0.2.1"), client_network("192.0.2.1"));
    EXPECT_NE(client_network("192.0.2.1"), client_network("192.0.2.2"));
}

TEST(ClientNetwork, is_the_first_half_of_an_IPv6_address) {
    EXPECT_TRUE(client_network("2001:db8::1"));
    EXPECT_EQ(client_network("2001:db8::1"), client_network("2001:db8::ffff:1:2:3"));
    EXPECT_NE(client_network("2001:db8::1"), client_network("2001:db8:0:1::1"));
    EXPECT_NE(client_network("::1"), client_network("0.0.0.1"));
}

TEST(ClientNetwork, has_who_came_by_a_Unix_socket_not) {
    EXPECT_EQ(client_network("unix"), std::nullopt);
    EXPECT_EQ(client_network(""), std::nullopt);
}

}  // namespace
}  // namespace signalbox::http
