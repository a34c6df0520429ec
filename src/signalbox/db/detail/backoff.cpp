#include "signalbox/db/detail/backoff.hpp"

#include <algorithm>

namespace signalbox::db {

std::chrono::milliseconds Backoff::next() {
    const auto half = step_ / 2;
    const auto jitter =
        std::chrono::milliseconds(random_() % (static_cast<std::uint64_t>(half.count()) + 1));
    step_ = std::min(step_ * 2, longest);
    return half + jitter;
}

}  // namespace signalbox::db
