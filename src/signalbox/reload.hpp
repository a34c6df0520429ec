#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "signalbox/config/config.hpp"
#include "signalbox/http/server/listen_on.hpp"
#include "signalbox/http/server/listener.hpp"
#include "signalbox/http/server/server.hpp"
#include "signalbox/observe/log.hpp"
#include "signalbox/parsed.hpp"
#include "signalbox/process/predecessor.hpp"
#include "signalbox/process/reload_counts.hpp"
#include "signalbox/process/stop_signal.hpp"
#include "signalbox/process/successor.hpp"
#include "signalbox/process/watchdog.hpp"

namespace signalbox {

/// What the process was started with, besides flags and variables.
struct Inheritance {
    process::Program program;
    /// The process whose place this one takes; null after a start from nothing.
    std::shared_ptr<process::Predecessor> predecessor;
    /// Descriptors of listening sockets, one for each address.
    std::vector<int> api;
    std::vector<int> admin;
    /// How often the service manager wants to hear that the process is alive, if it does.
    std::optional<std::chrono::microseconds> watchdog;

    /// Takes it out of the environment, before there is any other thread. Invalid names the flag or
    /// variable that makes no sense, and is bad usage.
    static Parsed<Inheritance> take(process::Program program, const config::Config& config);

    /// What the API and the operators' routes are served on: what was inherited, or else what the
    /// configuration says. Throws as Listener does, and names the flags. An address that is left
    /// out is logged.
    std::vector<http::Listener> api_listeners(const config::Config& config,
                                              observe::Log& log) const;
    std::vector<http::Listener> admin_listeners(const config::Config& config,
                                                observe::Log& log) const;
};

/// A service manager that cannot be told is no reason to end, and less so to end without a drain.
void tell_service_manager(std::string_view state, observe::Log& log);

/// Reloads a running service: starts its successor and waits until that is ready.
class Reload {
  public:
    /// All outlive it. `admin` is null where the API's listener serves the operators, too.
    Reload(const Inheritance& inheritance, const config::Config& config, observe::Log& log,
           process::StopSignal& signals, process::ReloadCounter& counter, http::Server& api,
           http::Server* admin)
        : inheritance_(inheritance),
          config_(config),
          log_(log),
          signals_(signals),
          counter_(counter),
          api_(api),
          admin_(admin) {}
    /// Ends with a successor that was not ready.
    ~Reload();
    Reload(const Reload&) = delete;
    Reload& operator=(const Reload&) = delete;

    /// Serves until somebody asks to stop, or a successor is ready. Returns whether that is so: it
    /// then accepts on the same sockets.
    bool wait_until_over();

    /// The successor gets the sockets, and the service manager is told who it is.
    void hand_over();
    /// The process to which this one has handed over.
    std::shared_ptr<const process::Successor> successor() const { return successor_; }

  private:
    bool reload();
    bool start();
    void failed(std::string_view why);

    const Inheritance& inheritance_;
    const config::Config& config_;
    observe::Log& log_;
    process::StopSignal& signals_;
    process::ReloadCounter& counter_;
    http::Server& api_;
    http::Server* const admin_;
    std::shared_ptr<process::Successor> successor_;
};

}  // namespace signalbox
