#include "signalbox/db/detail/listening.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <libpq-fe.h>
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <optional>
#include <system_error>
#include <utility>

#include "signalbox/config/database_url.hpp"
#include "signalbox/db/detail/backoff.hpp"
#include "signalbox/db/error.hpp"
#include "signalbox/fast/json_string.hpp"
#include "signalbox/process/stderr_capture.hpp"

namespace signalbox::db {

namespace {

constexpr std::chrono::seconds connect_timeout{4};

/// A subscription that is gone is noticed by then: its destructor tells nobody.
constexpr int look_again_ms = 10'000;

int make_eventfd() {
    const int descriptor = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (descriptor < 0) throw std::system_error(errno, std::system_category(), "eventfd");
    return descriptor;
}

}  // namespace

Listening::Listening(const PoolOptions& options) : options_(options), wake_(make_eventfd()) {}

Listening::~Listening() {
    stop();
    ::close(wake_);
}

std::shared_ptr<detail::Subscriber> Listening::subscribe(std::string channel) {
    auto subscriber = std::make_shared<detail::Subscriber>(std::move(channel));
    {
        const std::lock_guard lock(mutex_);
        if (stopping_) {
            subscriber->stop();
            return subscriber;
        }
        subscribers_.push_back(subscriber);
        if (!thread_.joinable()) thread_ = std::thread([this] { run(); });
    }
    wake();
    return subscriber;
}

void Listening::stop() {
    std::thread thread;
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
        thread = std::move(thread_);
    }
    wake();
    if (thread.joinable()) thread.join();
    for (const auto& subscriber : subscribers())
        subscriber->stop();
}

void Listening::wake() const {
    const std::uint64_t one = 1;
    // It is full only when nobody has been woken yet.
    [[maybe_unused]] const auto written = ::write(wake_, &one, sizeof one);
}

void Listening::wait(int descriptor, int timeout_ms) const {
    std::array<pollfd, 2> ready{pollfd{.fd = wake_, .events = POLLIN, .revents = 0},
                                pollfd{.fd = descriptor, .events = POLLIN, .revents = 0}};
    ::poll(ready.data(), descriptor < 0 ? 1 : 2, timeout_ms);
    std::uint64_t count = 0;
    [[maybe_unused]] const auto taken = ::read(wake_, &count, sizeof count);
}

Listening::Subscribers Listening::subscribers() {
    Subscribers result;
    const std::lock_guard lock(mutex_);
    std::erase_if(subscribers_, [&](const auto& weak) {
        auto subscriber = weak.lock();
        if (!subscriber) return true;
        result.push_back(std::move(subscriber));
        return false;
    });
    return result;
}

void Listening::run() {
    pthread_setname_np(pthread_self(), "db-listen");
    std::optional<process::StderrCapture> notices;
    if (options_.on_notice) notices.emplace(options_.on_notice);
    Backoff backoff;
    bool again = false;
    for (;;) {
        try {
            const auto connection = connect();
            backoff.reset();
            if (std::exchange(again, true)) {
                options_.on_event(Event::connected, "listening to the database again");
                for (const auto& subscriber : subscribers())
                    subscriber->tell({.kind = Notification::Kind::reconnected});
            }
            hear(*connection);
            return;
        } catch (const std::exception& error) {
            const auto pause = backoff.next();
            options_.on_event(Event::cannot_connect,
                              fmt::format("does not listen to the database: {}; trying again in {}",
                                          error.what(), pause));
            const auto until = std::chrono::steady_clock::now() + pause;
            for (auto now = until - pause; now < until; now = std::chrono::steady_clock::now()) {
                {
                    const std::lock_guard lock(mutex_);
                    if (stopping_) return;
                }
                wait(-1, static_cast<int>(
                             std::chrono::ceil<std::chrono::milliseconds>(until - now).count()));
            }
        }
    }
}

std::unique_ptr<Connection> Listening::connect() const {
    const bool own = !options_.listen_url.empty();
    const auto& file = own ? options_.listen_url_file : options_.url_file;
    ConnectionOptions options{.url = own ? options_.listen_url : options_.url,
                              .application_name = options_.application_name,
                              .prepare = own || options_.prepare};
    options.connect_timeout = connect_timeout;
    if (!file.empty()) {
        const auto read = config::read_database_url(file);
        if (!read) throw Unavailable(read.reason());
        options.url = *read;
    }
    try {
        return std::make_unique<Connection>(options);
    } catch (const Unavailable& error) {
        // A pooler that lends whole sessions leads to PostgreSQL itself, but takes no `options`.
        const bool refused =
            std::string_view(error.what()).find("startup parameter") != std::string_view::npos;
        if (!own || !options.prepare || !refused) throw;
    }
    options.prepare = false;
    return std::make_unique<Connection>(options);
}

void Listening::hear(Connection& connection) {
    std::vector<std::string> heard;
    for (;;) {
        {
            const std::lock_guard lock(mutex_);
            if (stopping_) return;
        }
        follow(connection, heard);
        tell(connection);
        wait(connection.socket(), look_again_ms);
        if (PQconsumeInput(connection.handle()) == 0) {
            tell(connection);  // what came before the end
            throw Unavailable("lost the connection that listens to the database");
        }
    }
}

void Listening::follow(Connection& connection, std::vector<std::string>& heard) {
    std::vector<std::string> wanted;
    for (const auto& subscriber : subscribers())
        wanted.push_back(subscriber->channel());
    std::sort(wanted.begin(), wanted.end());
    wanted.erase(std::unique(wanted.begin(), wanted.end()), wanted.end());
    const auto run_for = [&](const char* command, const std::vector<std::string>& channels,
                             const std::vector<std::string>& but) {
        for (const auto& channel : channels) {
            if (std::binary_search(but.begin(), but.end(), channel)) continue;
            static_cast<void>(connection.read(
                {.sql = command + connection.quote_name(channel), .parameters = {}}));
        }
    };
    run_for("LISTEN ", wanted, heard);
    run_for("UNLISTEN ", heard, wanted);
    heard = std::move(wanted);
}

void Listening::tell(Connection& connection) {
    const auto all = subscribers();
    while (PGnotify* const notify = PQnotifies(connection.handle())) {
        for (const auto& subscriber : all) {
            if (subscriber->channel() != notify->relname) continue;
            std::string payload;
            append_utf8(payload, notify->extra);
            subscriber->tell({.payload = std::move(payload)});
        }
        PQfreemem(notify);
    }
}

}  // namespace signalbox::db
