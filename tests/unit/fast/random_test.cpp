#include "signalbox/fast/random.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>

namespace signalbox {
namespace {

std::string hex(std::size_t size) {
    std::string digits(size, '?');
    fill_with_random_hex(digits);
    return digits;
}

TEST(RandomHex, fills_any_length_with_lowercase_digits) {
    for (const std::size_t size : {0, 1, 7, 8, 9, 15, 16, 17, 32, 48}) {
        const std::string digits = hex(size);
        EXPECT_EQ(digits.size(), size);
        EXPECT_EQ(digits.find_first_not_of("0123456789abcdef"), std::string::npos) << digits;
    }
}

TEST(RandomHex, has_every_digit_at_every_place) {
    std::vector<std::set<char>> seen(48);
    for (int i = 0; i < 2000; ++i) {
        const std::string digits = hex(seen.size());
        for (std::size_t place = 0; place < seen.size(); ++place)
            seen[place].insert(digits[place]);
    }
    for (const auto& digits : seen)
        EXPECT_THAT(digits, testing::SizeIs(16));
}

TEST(RandomHex, does_not_repeat) {
    std::set<std::string> seen;
    for (int i = 0; i < 10000; ++i)
        EXPECT_TRUE(seen.insert(hex(16)).second);
}

}  // namespace
}  // namespace signalbox
