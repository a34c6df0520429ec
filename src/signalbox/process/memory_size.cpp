#include "signalbox/process/memory_size.hpp"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>

namespace signalbox::process {

const Controller& memory_controller() {
    static const Controller controller{
        .name = "memory",
        .version_2 =
            [](const auto& folder) { return positive_number(content_of(folder / "memory.max")); },
        // A number beyond any machine's memory means that there is no limit.
        .version_1 =
            [](const auto& folder) {
                return positive_number(content_of(folder / "memory.limit_in_bytes"));
            }};
    return controller;
}

std::optional<double> address_space_limit() {
    rlimit limit{};
    if (::getrlimit(RLIMIT_AS, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return std::nullopt;
    return static_cast<double>(limit.rlim_cur);
}

std::size_t memory_size() {
    const double machine = static_cast<double>(::sysconf(_SC_PHYS_PAGES)) *
                           static_cast<double>(::sysconf(_SC_PAGESIZE));
    return static_cast<std::size_t>(
        std::min({machine, tightest_limit(memory_controller()).value_or(machine),
                  address_space_limit().value_or(machine)}));
}

}  // namespace signalbox::process
