#pragma once

#include <sys/types.h>

#include <chrono>
#include <csignal>
#include <filesystem>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "signalbox/testing/spawn.hpp"
#include "support/paths.hpp"
#include "support/prometheus.hpp"

namespace signalbox::test {

/// How a process ended.
struct Exit {
    int status = -1;  ///< -1: by a signal
    std::string output;
};

/// Runs the real binary to its end, with these arguments and environment variables.
Exit run_signalbox(const std::vector<std::string>& arguments,
                   const std::vector<std::string>& environment = {}, Limits limits = {});

/// The real binary while it runs; killed when the test ends, however it does.
class Process {
  public:
    /// `command` is what is run with these arguments: the binary, or a program that runs it.
    explicit Process(const std::vector<std::string>& arguments,
                     const std::vector<std::string>& environment = {}, Limits limits = {},
                     const std::vector<std::string>& command = {service_binary()});
    ~Process();
    Process(const Process&) = delete;
    Process& operator=(const Process&) = delete;

    pid_t pid() const { return pid_; }
    void signal(int number) const { ::kill(pid_, number); }
    /// Waits for its end; nothing when it does not come within a generous time.
    std::optional<Exit> wait_for_exit(std::chrono::seconds timeout = std::chrono::seconds(60));
    /// Without waiting, and leaving the end to be waited for.
    bool has_ended() const;
    /// Everything it printed until now.
    std::string output() const;

    std::size_t threads() const;
    std::size_t open_files() const;
    /// The TCP ports that it listens on now.
    std::set<int> listening_ports() const;
    /// Processor time used until now, by all its threads.
    std::chrono::milliseconds cpu_time() const;

  private:
    std::filesystem::path log_;
    pid_t pid_ = 0;
};

/// The real binary, serving on free ports of 127.0.0.1.
class Service : public Process {
  public:
    /// Returns when it is ready; throws std::runtime_error with its output when it ends before.
    /// `arguments` come last. With an empty URL `environment` has to name the database.
    explicit Service(const std::string& database_url,
                     const std::vector<std::string>& arguments = {},
                     const std::vector<std::string>& environment = {}, Limits limits = {},
                     const std::vector<std::string>& command = {service_binary()});

    std::string url(std::string_view path) const;
    std::string admin_url(std::string_view path) const;
    int port() const { return port_; }  ///< 0 of a Unix socket
    int admin_port() const { return admin_port_; }

    /// What /metrics says now. Throws std::runtime_error when it does not answer with 200.
    Samples metrics() const;
    /// The sum of those of this name that have these labels, among others.
    double metric(std::string_view name, const Labels& labels = {}) const {
        return total(metrics(), name, labels);
    }
    /// How many requests in flight wait for this, as /debug/requests names it; of one route when it
    /// is given.
    std::size_t waiting(std::string_view for_what, std::string_view route = {}) const;

  private:
    int port_ = 0;
    int admin_port_ = 0;
};

/// A new database with the project's migrations applied, and so many users in it.
std::string database_with_users(int users);

}  // namespace signalbox::test
