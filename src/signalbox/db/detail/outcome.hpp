#pragma once

#include <exception>
#include <memory>
#include <string>
#include <utility>

#include "signalbox/db/detail/read_queue.hpp"
#include "signalbox/db/error.hpp"
#include "signalbox/db/row_stream.hpp"
#include "signalbox/json.hpp"

namespace signalbox::db {

class Lease;

/// What a read came to, or the wait for a connection.
struct Outcome {
    std::exception_ptr error{};
    JsonText rows{};
    std::shared_ptr<const void> values{};  ///< the rows, where objects were asked for
    std::shared_ptr<Lease> lease{};
    detail::StreamBatch batch{};  ///< of a stream, or its beginning
    Clock::time_point started{};  ///< when it got its connection; the epoch when it never did
    Clock::time_point finished{};
};

inline Outcome failed(std::exception_ptr error) {
    return {.error = std::move(error), .finished = Clock::now()};
}

inline Outcome unavailable(const std::string& why, Unavailable::Reason reason) {
    return failed(std::make_exception_ptr(Unavailable(why, reason)));
}

}  // namespace signalbox::db
