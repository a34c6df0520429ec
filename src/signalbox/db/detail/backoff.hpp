#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <utility>

#include "signalbox/fast/random.hpp"

namespace signalbox::db {

/// How long to wait before the next attempt to connect: twice as long after each failure up to
/// `longest`, and of that a random part of at least half, so that many instances whose database
/// comes back do not all knock at once.
class Backoff {
  public:
    static constexpr std::chrono::milliseconds first{100};
    static constexpr std::chrono::milliseconds longest{2000};

    explicit Backoff(std::function<std::uint64_t()> random = random_number)
        : random_(std::move(random)) {}

    std::chrono::milliseconds next();
    void reset() noexcept { step_ = first; }

  private:
    std::function<std::uint64_t()> random_;
    std::chrono::milliseconds step_ = first;
};

}  // namespace signalbox::db
