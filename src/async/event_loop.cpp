#include "async/event_loop.hpp"

#include <pthread.h>

namespace signalbox::async {

EventLoop::EventLoop(std::string name)
    // The hint says that one thread runs the context; posting from others stays safe.
    : context_(1), work_(context_.get_executor()), thread_([this, name = std::move(name)] {
          pthread_setname_np(pthread_self(), name.substr(0, 15).c_str());
          context_.run();
      }) {}

EventLoop::~EventLoop() { stop(); }

void EventLoop::stop() {
    context_.stop();
    if (thread_.joinable()) thread_.join();
}

}  // namespace signalbox::async
