#pragma once

#include <string>

#include "signalbox/testing/postgres.hpp"

namespace signalbox::test {

/// What a server needs to have standbys.
[[nodiscard]] PostgresOptions primary_options();

/// A server that follows another one, and can be read meanwhile. What it has to replay never waits
/// for those who read: they are cancelled.
class Standby {
  public:
    /// `primary` has primary_options() and is running. Returns when the copy has been made and can
    /// be read.
    explicit Standby(const PostgresServer& primary);

    [[nodiscard]] std::string database_url(std::string_view database) const {
        return server_.database_url(database);
    }

    /// Waits until it has what the primary has now.
    void catch_up() const;

  private:
    const PostgresServer& primary_;
    PostgresServer server_;
};

}  // namespace signalbox::test
