#pragma once

#include <cstddef>
#include <mutex>
#include <unordered_map>

#include "signalbox/http/server/client_network.hpp"

namespace signalbox::http {

/// How many connections each client has. Any thread.
class ConnectionCounts {
  public:
    /// One more, unless it has as many already.
    bool add(ClientNetwork network, std::size_t limit) {
        const std::lock_guard lock(mutex_);
        std::size_t& count = counts_[network];
        if (count >= limit) return false;
        ++count;
        return true;
    }
    void remove(ClientNetwork network) {
        const std::lock_guard lock(mutex_);
        const auto found = counts_.find(network);
        if (found != counts_.end() && --found->second == 0) counts_.erase(found);
    }

  private:
    std::mutex mutex_;
    std::unordered_map<ClientNetwork, std::size_t> counts_;  ///< guarded by mutex_
};

}  // namespace signalbox::http
