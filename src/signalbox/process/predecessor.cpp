#include "signalbox/process/predecessor.hpp"

#include <fcntl.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <string_view>
#include <utility>

#include "signalbox/process/successor.hpp"

namespace signalbox::process {

namespace {

std::string take_variable(const char* name) {
    const char* const value = std::getenv(name);
    std::string text = value == nullptr ? "" : value;
    ::unsetenv(name);
    return text;
}

}  // namespace

Parsed<std::shared_ptr<Predecessor>> Predecessor::take() {
    const std::string ready = take_variable(ready_variable);
    std::string path_identity = take_variable(path_variable);
    const std::string sockets = take_variable(sockets_variable);
    const std::string reloads = take_variable(reloads_variable);
    if (ready.empty()) return std::shared_ptr<Predecessor>();
    const auto invalid = [&ready](const char* why) {
        return Invalid{std::string(ready_variable) + ": \"" + ready + "\" " + why};
    };
    int number = -1;
    const auto [end, error] = std::from_chars(ready.data(), ready.data() + ready.size(), number);
    if (error != std::errc() || end != ready.data() + ready.size() || number <= STDERR_FILENO) {
        return invalid("is no descriptor above 2");
    }
    if (::fcntl(number, F_SETFD, FD_CLOEXEC) != 0) return invalid("is not open");
    // `make dev`, which starts processes in the same way, counts none.
    const auto counts = ReloadCounts::parse(reloads.empty() ? ReloadCounts{}.text() : reloads);
    if (!counts) {
        return Invalid{std::string(reloads_variable) + ": \"" + reloads +
                       "\" is not how many reloads there were: taken over, a colon, failed"};
    }
    return std::make_shared<Predecessor>(Descriptor(number), std::move(path_identity),
                                         sockets == "1", *counts);
}

void Predecessor::tell_ready() const {
    const char byte = 1;
    // When it has gone already this fails, and so will the watch's reading.
    while (::write(channel_.get(), &byte, 1) < 0 && errno == EINTR) {
    }
}

PredecessorWatch::PredecessorWatch(Predecessor& predecessor, Events events)
    : events_(std::move(events)), channel_(std::move(predecessor.channel_)) {
    thread_ = std::thread([this] {
        ::pthread_setname_np(::pthread_self(), "predecessor");
        run();
    });
}

PredecessorWatch::~PredecessorWatch() {
    {
        const std::lock_guard lock(mutex_);
        if (channel_.get() >= 0) ::shutdown(channel_.get(), SHUT_RDWR);  // which ends a read
    }
    thread_.join();
}

void PredecessorWatch::run() {
    char bytes[64];
    for (;;) {
        // Only this thread closes it.
        const ssize_t count = ::read(channel_.get(), bytes, sizeof bytes);
        if (count < 0 && errno == EINTR) continue;
        if (count <= 0) break;
        for (ssize_t i = 0; i < count; ++i)
            events_.connection_released();
    }
    {
        const std::lock_guard lock(mutex_);
        channel_.close();
    }
    events_.gone();
}

}  // namespace signalbox::process
