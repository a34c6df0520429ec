#include "async/random.hpp"

#include <random>

namespace signalbox::async {

std::uint64_t random_number() {
    thread_local std::mt19937_64 engine = [] {
        std::random_device device;
        std::seed_seq seed{device(), device(), device(), device()};
        return std::mt19937_64(seed);
    }();
    return engine();
}

std::string random_hex_128() {
    static constexpr char digits[] = "0123456789abcdef";
    std::string text(32, '0');
    for (std::size_t half = 0; half < 2; ++half) {
        std::uint64_t number = random_number();
        for (std::size_t i = 0; i < 16; ++i, number >>= 4)
            text[half * 16 + i] = digits[number & 15];
    }
    return text;
}

}  // namespace signalbox::async
