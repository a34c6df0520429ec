#include "signalbox/http/wire/accept_encoding.hpp"

#include <gtest/gtest.h>

#include <string_view>

namespace signalbox::http {
namespace {

TEST(AcceptEncoding, names_gzip) {
    for (const char* value :
         {"gzip", "gzip, deflate, br, zstd", "deflate , GZIP", "x-gzip", "gzip;q=0.5",
          "gzip ; q=1.000", "*", "br;q=1, *;q=0.1", "gzip;q=0.001", "identity, gzip;q=nonsense"}) {
        EXPECT_TRUE(accepts_gzip(value)) << value;
    }
}

TEST(AcceptEncoding, does_not_name_gzip) {
    for (const char* value :
         {"", "identity", "deflate, br", "gzip;q=0", "gzip;Q=0.000", "gzip ;\tq=0", "*;q=0",
          "gzip;q=0, *", "*, gzip;q=0", "gzipped", "notgzip", ",", ";"}) {
        EXPECT_FALSE(accepts_gzip(value)) << value;
    }
}

TEST(AcceptEncoding, prefers_by_weight_and_then_by_the_order_of_the_server) {
    constexpr std::string_view all[]{"zstd", "br", "gzip"};
    const auto preferred = [&](std::string_view accepted) {
        return preferred_coding(accepted, all);
    };
    EXPECT_EQ(preferred("gzip, deflate, br, zstd"), "zstd");
    EXPECT_EQ(preferred("gzip, deflate, br"), "br");
    EXPECT_EQ(preferred("gzip;q=1.0, br;q=0.9, zstd;q=0.899"), "gzip");
    EXPECT_EQ(preferred("gzip;q=0.001"), "gzip");
    EXPECT_EQ(preferred("br;q=0.5, *;q=0.7"), "zstd");
    EXPECT_EQ(preferred("zstd;q=0, *"), "br");
    EXPECT_EQ(preferred("*;q=0, X-GZIP"), "gzip");
    EXPECT_EQ(preferred("identity;q=0.5, gzip;q=0.5"), "gzip");
    EXPECT_EQ(preferred("identity, gzip;q=0.5"), "") << "it wants the content as it is";
    for (const char* const none : {"", "deflate", "identity", "gzip;q=0", "gzip;q=0.000", "*;q=0"})
        EXPECT_EQ(preferred(none), "") << none;
    for (const char* const odd : {"gzip;q=", "gzip;q=2", "gzip;q=0,5", "gzip;x", "gzip;q=0.1x"})
        EXPECT_EQ(preferred(odd), odd == std::string_view("gzip;q=0,5") ? "" : "gzip") << odd;
}

}  // namespace
}  // namespace signalbox::http
