#include "signalbox/fast/random.hpp"

#include <algorithm>
#include <cstddef>
#include <cstring>
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

namespace {

/// The hexadecimal digits of a number, eight at once: a request needs 48 of them.
std::uint64_t to_hex(std::uint32_t number) {
    std::uint64_t digits = number;
    digits = ((digits & 0xFFFF0000U) << 16U) | (digits & 0xFFFFU);
    digits = ((digits << 8U) & 0x00FF000000FF0000U) | (digits & 0x000000FF000000FFU);
    digits = ((digits << 4U) & 0x0F000F000F000F00U) | (digits & 0x000F000F000F000FU);
    const std::uint64_t is_letter = ((digits + 0x0606060606060606U) >> 4U) & 0x0101010101010101U;
    return digits + 0x3030303030303030U + is_letter * ('a' - '0' - 10);
}

}  // namespace

void fill_with_random_hex(std::span<char> digits) {
    while (!digits.empty()) {
        const std::uint64_t number = random_number();
        const std::uint64_t both[] = {to_hex(static_cast<std::uint32_t>(number)),
                                      to_hex(static_cast<std::uint32_t>(number >> 32U))};
        const std::size_t size = std::min(digits.size(), sizeof both);
        std::memcpy(digits.data(), both, size);
        digits = digits.subspan(size);
    }
}

}  // namespace signalbox
