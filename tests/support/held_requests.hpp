#pragma once

#include <deque>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "support/eventually.hpp"
#include "support/http_client.hpp"
#include "support/locked_users.hpp"
#include "support/raw_message.hpp"
#include "support/service.hpp"

namespace signalbox::test {

/// Requests that are in flight until the test lets go of them, however slow the machine is: reads
/// of users that a lock holds back, each of a client of its own.
class HeldRequests {
  public:
    /// What the service has to be started with: each reads for itself, and has all the time.
    static std::vector<std::string> arguments(const std::vector<std::string>& more = {}) {
        std::vector<std::string> all{"--no-share-reads", "--request-timeout", "5m",
                                     "--database-query-timeout", "5m"};
        all.insert(all.end(), more.begin(), more.end());
        return all;
    }

    /// Returns when all wait for the lock; throws std::runtime_error when they do not. No more than
    /// --database-pool-size. Nothing is asked of the service meanwhile: that would be in flight
    /// as well, and might be what a limit has room for instead of one of these.
    HeldRequests(const Service& service, const std::string& database, int count,
                 const std::string& headers = {})
        : lock_(std::in_place, database) {
        for (int i = 0; i < count; ++i)
            clients_.emplace_back(service.port()).send(get_bytes("/users", headers));
        if (!eventually([&] { return reads_held_by_a_lock(database) == count; })) {
            throw std::runtime_error("requests that should be held are not: " + service.output());
        }
    }

    /// From now on they are answered.
    void release() { lock_.reset(); }

    std::deque<RawClient>& clients() { return clients_; }

  private:
    std::optional<LockedUsers> lock_;
    std::deque<RawClient> clients_;
};

}  // namespace signalbox::test
