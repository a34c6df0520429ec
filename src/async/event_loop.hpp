#pragma once

#include <asio/executor_work_guard.hpp>
#include <asio/io_context.hpp>
#include <asio/steady_timer.hpp>

#include <atomic>
#include <chrono>
#include <string>
#include <thread>

namespace signalbox::async {

/// One thread that runs one io_context, as in Python: what runs on it needs no lock for its own
/// data, and must not block.
class EventLoop {
  public:
    /// Starts the thread under this name (at most 15 characters are kept by the kernel).
    explicit EventLoop(std::string name);
    /// Stops, and destroys what is still queued without running it.
    ~EventLoop();
    EventLoop(const EventLoop&) = delete;
    EventLoop& operator=(const EventLoop&) = delete;

    /// Lets the handler that runs now end, then joins the thread. To be called from another one.
    void stop();

    asio::io_context& context() noexcept { return context_; }
    asio::io_context::executor_type executor() noexcept { return context_.get_executor(); }

    /// How long ago the loop last turned: grows while a handler blocks it. Any thread.
    std::chrono::steady_clock::duration since_turn() const noexcept;

  private:
    void beat();

    asio::io_context context_;
    asio::executor_work_guard<asio::io_context::executor_type> work_;
    asio::steady_timer heartbeat_;
    std::atomic<std::chrono::steady_clock::rep> last_beat_;
    std::thread thread_;
};

}  // namespace signalbox::async
