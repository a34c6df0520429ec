#pragma once

#include <atomic>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "signalbox/http/server/server.hpp"

namespace signalbox::admin {

/// Where in its life the process is.
enum class State { starting, ready, draining };
std::string_view to_string(State state);

/// What `/livez` and `/readyz` answer. Any thread.
class Health {
  public:
    /// `pending_migrations`: those that the database lacks; nothing where that is not known.
    Health(std::function<bool()> database_reachable,
           std::function<std::optional<std::vector<std::string>>()> pending_migrations)
        : database_reachable_(std::move(database_reachable)),
          pending_migrations_(std::move(pending_migrations)) {}

    /// Which event loop turned last of all, and when. To be set before the first
    /// question comes.
    void watch(std::function<http::Server::SinceTurn()> longest_since_turn) {
        longest_since_turn_ = std::move(longest_since_turn);
    }
    void set(State state) noexcept { state_ = state; }
    State state() const noexcept { return state_; }

    struct Report {
        bool pass;
        std::string json;  ///< application/health+json, naming each check
    };
    /// Whether every event loop turns: it passes while draining and without a database.
    Report live() const;
    /// Whether requests should come here. `exclude_database` leaves out that check and that of its
    /// schema.
    Report ready(bool exclude_database) const;

  private:
    const std::function<bool()> database_reachable_;
    const std::function<std::optional<std::vector<std::string>>()> pending_migrations_;
    std::function<http::Server::SinceTurn()> longest_since_turn_;
    std::atomic<State> state_{State::starting};
};

}  // namespace signalbox::admin
