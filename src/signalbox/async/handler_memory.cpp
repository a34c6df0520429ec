#include "signalbox/async/handler_memory.hpp"

namespace signalbox::async {

HandlerMemory::~HandlerMemory() {
    if (--room_->references == 0) delete room_;
}

}  // namespace signalbox::async
