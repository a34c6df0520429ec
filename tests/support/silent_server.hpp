#pragma once

#include <poll.h>

#include <string>

#include "support/loopback_listener.hpp"

namespace signalbox::test {

/// What connects to it as to a PostgreSQL gets no answer, ever.
class SilentServer {
  public:
    std::string url(const std::string& parameters) const {
        return "postgresql://u:s3cret@127.0.0.1:" + std::to_string(listener_.port()) + "/d?" +
               parameters;
    }
    /// Whether somebody has connected, and waits.
    bool is_asked() const {
        pollfd asked{.fd = listener_.socket(), .events = POLLIN, .revents = 0};
        return ::poll(&asked, 1, 20000) == 1;
    }

  private:
    LoopbackListener listener_{64};
};

}  // namespace signalbox::test
