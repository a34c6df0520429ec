#pragma once

#include <stdexcept>

namespace signalbox::db {

/// The database cannot answer now: it is away, its queue is full, or the answer did not come in
/// time. The client may try again. The message is for the log.
class Unavailable : public std::runtime_error {
  public:
    using std::runtime_error::runtime_error;
};

}  // namespace signalbox::db
