#include "observe/in_flight.hpp"

namespace signalbox::observe {

std::string_view to_string(Waiting waiting) {
    switch (waiting) {
        case Waiting::handler:
            return "handler";
        case Waiting::timer:
            return "timer";
        case Waiting::database_queue:
            return "database-queue";
        case Waiting::database:
            return "database";
        case Waiting::client:
            return "client";
    }
    return "unknown";
}

void InFlightRequest::restart(Clock::time_point now) {
    started = now;
    deadline = Clock::time_point::max();
    cancelled = Cancelled::no;
    in_flight_at_start = 0;
    request_id.clear();
    error_cause.clear();
    database_wait = {};
    database_use = {};
    shared_read = false;
    wait_for(Waiting::handler, now);
}

}  // namespace signalbox::observe
