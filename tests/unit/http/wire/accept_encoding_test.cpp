#include "signalbox/http/wire/accept_encoding.hpp"

#include <gtest/gtest.h>

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

}  // namespace
}  // namespace signalbox::http
