#include "signalbox/db/detail/bytea.hpp"

#include <gtest/gtest.h>

#include <string>

namespace signalbox::db {
namespace {

TEST(ReadBytea, reads_hexadecimal_digits) {
    EXPECT_EQ(read_bytea("\\x"), "");
    EXPECT_EQ(read_bytea("\\x0061fF"), std::string("\0a\xff", 3));
    EXPECT_EQ(read_bytea("\\x0"), std::nullopt);
    EXPECT_EQ(read_bytea("\\x0g"), std::nullopt);
}

TEST(ReadBytea, reads_escapes) {
    EXPECT_EQ(read_bytea(""), "");
    EXPECT_EQ(read_bytea(R"(a\\b\000\377)"), std::string("a\\b\0\xff", 5));
    for (const char* const broken : {"\\", "a\\0", "\\00", "\\400", "\\008", "\\q"})
        EXPECT_EQ(read_bytea(broken), std::nullopt) << broken;
}

}  // namespace
}  // namespace signalbox::db
