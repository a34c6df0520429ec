#pragma once

#include <cstddef>
#include <fstream>
#include <stdexcept>
#include <string>

namespace signalbox::test {

/// Of this process, in bytes: `VmRSS`, `VmSize`, `VmHWM`.
inline std::size_t memory(const std::string& name) {
    std::ifstream status("/proc/self/status");
    for (std::string word; status >> word;) {
        std::size_t kibibytes = 0;
        if (word == name + ":" && status >> kibibytes) return kibibytes * 1024;
    }
    throw std::runtime_error("/proc/self/status has no " + name);
}

/// What a call takes at its peak beside what was there before, in bytes.
template <class Call>
std::size_t peak_of(Call call) {
    // proc(5): VmHWM begins anew.
    std::ofstream("/proc/self/clear_refs") << 5 << std::flush;
    const std::size_t before = memory("VmRSS");
    call();
    return memory("VmHWM") - before;
}

}  // namespace signalbox::test
