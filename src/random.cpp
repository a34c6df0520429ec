#include "random.hpp"

#include <array>
#include <cstddef>
#include <random>

namespace signalbox {

std::uint64_t random_number() {
    thread_local std::mt19937_64 engine = [] {
        std::random_device device;
        std::seed_seq seed{device(), device(), device(), device()};
        return std::mt19937_64(seed);
    }();
    return engine();
}

void fill_with_random_hex(std::span<char> digits) {
    static constexpr auto pairs = [] {
        std::array<std::array<char, 2>, 256> all{};
        for (std::size_t i = 0; i < all.size(); ++i)
            all[i] = {"0123456789abcdef"[i >> 4], "0123456789abcdef"[i & 15]};
        return all;
    }();
    std::uint64_t number = 0;
    for (std::size_t i = 0; i < digits.size(); ++i) {
        if (i % 16 == 0) number = random_number();
        digits[i] = pairs[number & 255][i & 1];
        if ((i & 1) != 0) number >>= 8;
    }
}

}  // namespace signalbox
