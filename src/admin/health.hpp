#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <string>
#include <string_view>

namespace signalbox::admin {

/// Where in its life the process is.
enum class State { starting, ready, draining };

/// What `/livez` and `/readyz` answer. Any thread.
class Health {
  public:
    struct Probes {
        /// How long ago the event loop that turned last of all turned.
        std::function<std::chrono::steady_clock::duration()> longest_since_turn;
        std::function<bool()> database_reachable;
    };
    explicit Health(Probes probes) : probes_(std::move(probes)) {}

    void set(State state) noexcept { state_ = state; }

    struct Report {
        bool pass;
        std::string json;  ///< application/health+json, naming each check
    };
    /// Whether every event loop turns: it passes while draining and without a database.
    Report live() const;
    /// Whether requests should come here. `exclude_database` leaves that check out.
    Report ready(bool exclude_database) const;

  private:
    const Probes probes_;
    std::atomic<State> state_{State::starting};
};

}  // namespace signalbox::admin
