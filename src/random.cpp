#include "random.hpp"

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
    std::uint64_t number = 0;
    for (std::size_t i = 0; i < digits.size(); ++i, number >>= 4) {
        if (i % 16 == 0) number = random_number();
        digits[i] = "0123456789abcdef"[number & 15];
    }
}

}  // namespace signalbox
