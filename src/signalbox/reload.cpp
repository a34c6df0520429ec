#include "signalbox/reload.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <stdexcept>
#include <system_error>
#include <utility>

#include "signalbox/config/units.hpp"
#include "signalbox/process/listen_fds.hpp"
#include "signalbox/process/service_manager.hpp"

namespace signalbox {

namespace {

/// What a new process may take beyond the time that it waits for the database.
constexpr std::chrono::seconds start_margin{5};

/// What a process that was asked to stop while it starts may take beyond a drain.
constexpr std::chrono::seconds stop_margin{3};

template <class Make>
std::vector<http::Listener> listeners(const Make& make, std::string_view flags, observe::Log& log) {
    try {
        http::Listening listening = make();
        for (const std::string& why : listening.left_out)
            log.write(config::LogLevel::warning, why);
        return std::move(listening.listeners);
    } catch (const std::exception& error) {
        throw std::runtime_error(
            fmt::format("{}; choose another address with {}", error.what(), flags));
    }
}

std::vector<http::Listener> inherited(const std::vector<int>& sockets) {
    std::vector<http::Listener> listeners;
    listeners.reserve(sockets.size());
    for (const int socket : sockets)
        listeners.push_back(http::Listener::inherited(socket));
    return listeners;
}

}  // namespace

void tell_service_manager(std::string_view state, observe::Log& log) {
    try {
        process::notify_service_manager(state);
    } catch (const std::system_error& error) {
        log.write(config::LogLevel::warning, error.what());
    }
}

Parsed<Inheritance> Inheritance::take(process::Program program, const config::Config& config) {
    const auto sockets = process::take_listen_fds();
    if (!sockets) return Invalid{sockets.reason()};
    const auto predecessor = process::Predecessor::take();
    if (!predecessor) return Invalid{predecessor.reason()};

    const auto watchdog = process::watchdog_interval();
    if (!watchdog) return Invalid{watchdog.reason()};

    Inheritance result{.program = std::move(program),
                       .predecessor = *predecessor,
                       .api = sockets->api,
                       .admin = sockets->admin,
                       .watchdog = *watchdog};
    for (const auto& [name, group] :
         {std::pair("api", &result.api), std::pair("admin", &result.admin)}) {
        for (const int socket : *group) {
            if (const auto why = http::Listener::refusal(socket)) {
                return Invalid{
                    fmt::format("LISTEN_FDS: {} (descriptor {}) {}", name, socket, why->reason)};
            }
        }
    }
    if (!result.admin.empty() && config.admin_shares_port()) {
        return Invalid{
            "LISTEN_FDNAMES: there is an admin socket, and --admin-port is the API's port"};
    }
    // What a process hands over was itself made as the flags say.
    if (result.predecessor) return result;
    if (!result.api.empty() && (config.fd || !config.uds.empty())) {
        return Invalid{fmt::format("{}: LISTEN_FDS has a socket for the API already",
                                   config.fd ? "--fd" : "--uds")};
    }
    if (config.fd) {
        if (const auto why = http::Listener::refusal(*config.fd)) {
            return Invalid{fmt::format("--fd: descriptor {} {}", *config.fd, why->reason)};
        }
        result.api = {*config.fd};
    }
    return result;
}

std::vector<http::Listener> Inheritance::api_listeners(const config::Config& config,
                                                       observe::Log& log) const {
    if (!api.empty()) {
        auto sockets = inherited(api);
        if (predecessor) {
            if (const auto path = http::FileIdentity::parse(predecessor->path_identity())) {
                sockets.front().own_path(*path);
            }
        }
        return sockets;
    }
    if (!config.uds.empty()) {
        const auto make = [&] {
            http::Listening one;
            one.listeners.push_back(http::Listener::unix_socket(config.uds));
            return one;
        };
        return listeners(make, "--uds", log);
    }
    return listeners([&] { return http::listen_on(config.host, config.port); }, "--host and --port",
                     log);
}

std::vector<http::Listener> Inheritance::admin_listeners(const config::Config& config,
                                                         observe::Log& log) const {
    if (!admin.empty()) return inherited(admin);
    return listeners([&] { return http::listen_on(config.admin_host, config.admin_port); },
                     "--admin-host and --admin-port", log);
}

Reload::~Reload() {
    if (!successor_ || successor_->ready()) return;
    try {
        const auto patience = config_.timeout_graceful_shutdown + stop_margin;
        if (successor_->wait_until_ended(patience)) return;
        log_.write(config::LogLevel::error, "the new process does not stop: killed");
    } catch (const std::exception& error) {
        log_.write(config::LogLevel::error, error.what());
    }
}

bool Reload::wait_until_over() {
    while (signals_.wait() == process::StopSignal::Request::reload) {
        if (reload()) return true;
        if (successor_) return false;  // both stop
    }
    return false;
}

bool Reload::reload() {
    if (::getpid() == 1) {
        counter_.refused();
        // The kernel ends all other processes of its namespace together with it.
        log_.write(config::LogLevel::warning,
                   "cannot reload as process 1, with which a new one would end: replace the "
                   "container");
        return false;
    }
    log_.write(config::LogLevel::info,
               fmt::format("reloading: starting {}", inheritance_.program.binary.native()));
    tell_service_manager(process::reloading_state(), log_);
    return start();
}

bool Reload::start() {
    std::vector<process::SharedSocket> sockets;
    for (const http::Acceptor& acceptor : api_.acceptors())
        sockets.push_back({"api", acceptor.listener().descriptor()});
    if (admin_ != nullptr) {
        for (const http::Acceptor& acceptor : admin_->acceptors())
            sockets.push_back({"admin", acceptor.listener().descriptor()});
    }
    const auto path = api_.acceptors().front().listener().owned_path();
    log_.share_output(true);
    successor_.reset();
    try {
        successor_ = std::make_shared<process::Successor>(
            inheritance_.program, sockets, path ? path->text() : "", counter_.counts());
        const auto patience = config_.database_startup_timeout + start_margin;
        switch (successor_->wait_until_ready(patience, signals_.token())) {
            case process::Successor::Outcome::ready:
                return true;
            case process::Successor::Outcome::stopped:
                successor_->terminate();
                return false;
            case process::Successor::Outcome::ended:
                failed(fmt::format("the new process ended {}", successor_->how_it_ended()));
                break;
            case process::Successor::Outcome::late:
                successor_->kill();
                failed("the new process was not ready within " + config::format_duration(patience) +
                       ": killed");
                break;
        }
    } catch (const std::system_error& error) {
        failed(error.what());
    }
    successor_.reset();
    return false;
}

void Reload::failed(std::string_view why) {
    counter_.failed();
    log_.share_output(false);
    log_.write(config::LogLevel::error,
               fmt::format("cannot reload: {}; this process goes on", why));
    tell_service_manager("READY=1", log_);
}

void Reload::hand_over() {
    api_.hand_over();
    if (admin_ != nullptr) admin_->hand_over();
    tell_service_manager(fmt::format("MAINPID={}\nREADY=1", successor_->pid()), log_);
    signals_.pass_reloads_to(successor_->pid());
    log_.write(config::LogLevel::info,
               fmt::format("handed over to process {}, draining", successor_->pid()));
}

}  // namespace signalbox
