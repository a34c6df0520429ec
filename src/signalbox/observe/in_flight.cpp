#include "signalbox/observe/in_flight.hpp"

#include "signalbox/observe/in_flight_registry.hpp"

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

InFlightRequest::~InFlightRequest() {
    if (shard_ != nullptr) shard_->remove(*this);
}

void InFlightRequest::restart(Clock::time_point now) {
    started = now;
    deadline = Clock::time_point::max();
    trace = {};
    request_id.clear();
    method = route = scheme = path = client_address = {};
    in_flight_at_start = 0;
    cancelled = Cancelled::no;
    shed = Shed::no;
    error_type = {};
    error_cause.clear();
    database_wait = {};
    database_use = {};
    shared_read = false;
    wait_for(Waiting::handler, now);
}

}  // namespace signalbox::observe
