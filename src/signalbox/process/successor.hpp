#pragma once

#include <sys/types.h>

#include <chrono>
#include <filesystem>
#include <stop_token>
#include <string>
#include <vector>

#include "signalbox/process/descriptor.hpp"
#include "signalbox/process/reload_counts.hpp"

namespace signalbox::process {

/// How a process was started, to start another one in the same way.
struct Program {
    /// Where it was found then, by an absolute path. What is there by now is what is started:
    /// /proc/self/exe would go on being the file that an update has deleted.
    std::filesystem::path binary;
    std::vector<std::string> arguments;  ///< argv, with argv[0]

    /// To be called when the process starts.
    static Program of_this_process(int argc, const char* const* argv);
};

/// A listening socket by the name that LISTEN_FDNAMES gives it.
struct SharedSocket {
    std::string name;
    int descriptor;
};

/// Names, for the successor, the descriptor by which it says that it is ready (one byte of
/// whatever value). By the same one it hears afterwards: a byte for each connection to the database
/// that this process has closed, and the end of the stream when this process has ended. A service
/// that `make dev` runs is started by scripts/dev in the same way.
inline constexpr const char* ready_variable = "SIGNALBOX_READY_FD";
/// Which file the path of a Unix socket names, `device:inode`; whoever it was handed to removes it.
inline constexpr const char* path_variable = "SIGNALBOX_UDS_FILE";
/// `1` where whoever starts the process goes on having its sockets, and may start another one on
/// them before it asks this one to stop, as scripts/dev does.
inline constexpr const char* sockets_variable = "SIGNALBOX_SOCKETS_STAY";
/// How many reloads there have been (ReloadCounts), this one not included.
inline constexpr const char* reloads_variable = "SIGNALBOX_RELOADS";

/// The process that takes over from this one: the same program with the same arguments and
/// environment. It has standard input, output and error, the listening sockets as LISTEN_FDS
/// describes them (see listen_fds.hpp), and no other open file of this process.
///
/// For one thread, but release_connection(), which is for any.
class Successor {
  public:
    /// Starts it. `path_identity` is empty unless there is a path to hand over. Throws
    /// std::system_error that names the binary when it cannot be.
    Successor(const Program& program, const std::vector<SharedSocket>& sockets,
              const std::string& path_identity, const ReloadCounts& reloads);
    /// Ends it at once unless it was ready.
    ~Successor();
    Successor(const Successor&) = delete;
    Successor& operator=(const Successor&) = delete;

    pid_t pid() const noexcept { return pid_; }

    enum class Outcome { ready, ended, late, stopped };
    /// Waits until it says that it is ready, ends, `timeout` is over, or this process has to stop.
    Outcome wait_until_ready(std::chrono::milliseconds timeout, const std::stop_token& stop);
    bool ready() const noexcept { return ready_; }

    /// Lets it have one of this process's connections to the database.
    void release_connection() const noexcept;

    /// Asks it to stop, as an operator would.
    void terminate() const noexcept;
    /// Whether it ended within this time.
    bool wait_until_ended(std::chrono::milliseconds timeout);
    /// Ends it at once.
    void kill() noexcept;
    /// `with status 1`, `by signal 9`; once it has ended.
    std::string how_it_ended() const;

  private:
    void reap() noexcept;

    Descriptor channel_;
    pid_t pid_ = 0;
    bool ready_ = false;
    bool ended_ = false;
    int wait_status_ = 0;
};

}  // namespace signalbox::process
