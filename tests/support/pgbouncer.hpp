#pragma once

#include <sys/types.h>

#include <filesystem>
#include <ostream>
#include <string>
#include <string_view>

#include "signalbox/testing/held_port.hpp"
#include "signalbox/testing/postgres.hpp"

namespace signalbox::test {

/// The real PgBouncer in transaction mode, in front of a server that listens on a Unix socket.
class PgBouncer {
  public:
    /// `pool_size`: sessions in PostgreSQL for each database and user. Throws std::runtime_error
    /// with its log when it does not start.
    explicit PgBouncer(const PostgresServer& server, int pool_size = 2);
    ~PgBouncer();
    PgBouncer(const PgBouncer&) = delete;
    PgBouncer& operator=(const PgBouncer&) = delete;

    /// At once, as its SIGTERM: all connections break, at whatever they are.
    void stop();
    /// After stop(), on the same port.
    void start();
    /// As its service manager does. PgBouncer 1.18 ends itself ("server in bad state") when a
    /// session ends that it sends somebody's cancellation to.
    void start_if_it_ended();

    /// Users that it knows: `postgres` and `odd`, which a test makes in the server.
    std::string url(std::string_view database, std::string_view user = "postgres") const;
    std::string log() const;

  private:
    std::filesystem::path folder_;
    const HeldPort port_;  // also while it is stopped
    pid_t pid_ = 0;
};

/// How a test gets at its database: directly, or behind a pooler.
enum class Way { direct, pooled };

inline void PrintTo(Way way, std::ostream* out) {
    *out << (way == Way::direct ? "direct" : "pooled");
}

}  // namespace signalbox::test
