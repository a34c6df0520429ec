#pragma once

#include <stdexcept>
#include <string>

namespace signalbox::db {

/// The database cannot answer now. The client may try again. The message is for the log.
class Unavailable : public std::runtime_error {
  public:
    enum class Reason {
        unreachable,  ///< no connection, or it broke
        queue_full,   ///< too many reads wait already
        timeout,      ///< the answer did not come in time
        stopping,     ///< the pool is being disconnected
    };

    explicit Unavailable(const std::string& message, Reason reason = Reason::unreachable)
        : std::runtime_error(message), reason_(reason) {}

    Reason reason() const noexcept { return reason_; }

  private:
    Reason reason_;
};

}  // namespace signalbox::db
