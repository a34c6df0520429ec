#include "signalbox/context/request_context.hpp"

#include <cassert>

#include "signalbox/context/request_list.hpp"

namespace signalbox::context {

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
        case Waiting::http_client:
            return "http-client";
        case Waiting::client:
            return "client";
    }
    return "unknown";
}

RequestContext::~RequestContext() {
    assert(references_ == 0 && "a coroutine may still work for this request");
    if (list_ != nullptr) list_->remove(*this);
}

void RequestContext::lift_deadline() {
    if (list_ != nullptr) {
        list_->lift_deadline(*this);
    } else {
        deadline = Clock::time_point::max();
    }
}

}  // namespace signalbox::context
