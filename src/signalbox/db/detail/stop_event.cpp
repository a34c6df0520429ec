#include "signalbox/db/detail/stop_event.hpp"

#include <poll.h>
#include <sys/eventfd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <limits>
#include <system_error>
#include <utility>

namespace signalbox::db {
namespace {

process::Descriptor make_event() {
    process::Descriptor event{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
    if (event.get() < 0) throw std::system_error(errno, std::generic_category(), "eventfd");
    return event;
}

}  // namespace

StopEvent::StopEvent(std::stop_token stop)
    : event_(make_event()), stop_(std::move(stop)), on_stop_(stop_, [event = event_.get()] {
          ::eventfd_write(event, 1);  // cannot fail: nobody else adds to it
      }) {}

void StopEvent::sleep(std::chrono::milliseconds duration) const {
    constexpr std::int64_t most = std::numeric_limits<int>::max();
    pollfd requested{.fd = descriptor(), .events = POLLIN, .revents = 0};
    ::poll(&requested, 1, static_cast<int>(std::min<std::int64_t>(duration.count(), most)));
}

}  // namespace signalbox::db
