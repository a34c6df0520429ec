#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>

#include "signalbox/parsed.hpp"
#include "signalbox/process/descriptor.hpp"
#include "signalbox/process/reload_counts.hpp"

namespace signalbox::process {

/// The process that started this one to take over from it, as this one sees it (see successor.hpp).
class Predecessor {
  public:
    /// Null where there is none. Takes the variables out of the environment; Invalid names the one
    /// that makes no sense. Before there is any other thread.
    static Parsed<std::shared_ptr<Predecessor>> take();

    Predecessor(Descriptor channel, std::string path_identity, bool keeps_sockets,
                ReloadCounts reloads)
        : channel_(std::move(channel)),
          path_identity_(std::move(path_identity)),
          keeps_sockets_(keeps_sockets),
          reloads_(reloads) {}

    /// Of the Unix socket's path that this process is to remove in the end; empty when of none.
    const std::string& path_identity() const noexcept { return path_identity_; }

    /// Whether it goes on having the sockets, on which another process may accept by the time that
    /// this one has to stop.
    bool keeps_sockets() const noexcept { return keeps_sockets_; }

    /// Those before this process took over.
    const ReloadCounts& reloads() const noexcept { return reloads_; }

    /// Says that this process is ready.
    void tell_ready() const;

  private:
    friend class PredecessorWatch;

    Descriptor channel_;
    const std::string path_identity_;
    const bool keeps_sockets_;
    const ReloadCounts reloads_;
};

/// Tells what the predecessor does, on a thread of its own, until destroyed.
class PredecessorWatch {
  public:
    struct Events {
        std::function<void()> connection_released;  ///< one connection to the database
        std::function<void()> gone;                 ///< it has ended; the last call
    };
    /// Takes the channel: `predecessor` is of no use any more.
    PredecessorWatch(Predecessor& predecessor, Events events);
    ~PredecessorWatch();
    PredecessorWatch(const PredecessorWatch&) = delete;
    PredecessorWatch& operator=(const PredecessorWatch&) = delete;

  private:
    void run();

    const Events events_;
    std::mutex mutex_;
    Descriptor channel_;  ///< closed by the thread, with the mutex held
    std::thread thread_;
};

}  // namespace signalbox::process
