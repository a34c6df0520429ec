#include "signalbox/client/detail/resolver.hpp"

#include <asio/post.hpp>
#include <netdb.h>
#include <pthread.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <condition_variable>
#include <deque>
#include <iterator>
#include <map>
#include <mutex>
#include <stdexcept>
#include <system_error>
#include <thread>
#include <utility>

#include "signalbox/process/unjoined_call.hpp"

namespace signalbox::client {

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t most_known_names = 1024;

}  // namespace

struct Resolver::State {
    struct Waiting {
        std::shared_ptr<SuspendedCall> waiter;
        Place place;
    };
    struct Known {
        std::shared_ptr<const Result> result;
        Clock::time_point until;
    };

    void work();
    std::shared_ptr<const Result> run(const std::string& host) const;
    void keep(const std::string& host, const std::shared_ptr<const Result>& result);
    /// With the mutex; null when it is not known, or no longer.
    std::shared_ptr<const Result> find(const std::string& host) const;
    /// Those of whom this is true, with the mutex; to be destroyed without it, on their loop.
    template <class Condition>
    std::vector<Waiting> take(Condition condition);

    LookUp look_up;
    std::size_t most_threads;
    Duration lifetime;

    mutable std::mutex mutex;
    std::condition_variable changed;
    /// Guarded by mutex.
    std::map<std::string, std::vector<Waiting>> asked;  ///< also while it is looked up
    std::deque<std::string> queue;                      ///< of those, what no thread has yet
    std::map<std::string, Known> known;
    std::size_t threads = 0;
    std::size_t idle = 0;
    bool stopping = false;
};

Resolver::Resolver(LookUp look_up, std::size_t threads, Duration lifetime)
    : state_(std::make_shared<State>()) {
    state_->look_up = std::move(look_up);
    state_->most_threads = threads;
    state_->lifetime = lifetime;
}

Resolver::~Resolver() {
    cancel_all();
    std::unique_lock lock(state_->mutex);
    state_->stopping = true;
    state_->queue.clear();
    state_->changed.notify_all();
    state_->changed.wait(lock, [this] { return state_->idle == 0; });
}

std::shared_ptr<const Resolver::Result> Resolver::known(const std::string& host) const {
    const std::lock_guard lock(state_->mutex);
    return state_->find(host);
}

std::shared_ptr<const Resolver::Result> Resolver::State::find(const std::string& host) const {
    const auto found = known.find(host);
    if (found == known.end() || found->second.until <= Clock::now()) return nullptr;
    return found->second.result;
}

void Resolver::look_up(const std::string& host, const std::shared_ptr<SuspendedCall>& waiter,
                       const Place& place) {
    const std::lock_guard lock(state_->mutex);
    // It may have become known since the caller has looked.
    if (auto result = state_->find(host)) {
        *place = std::move(result);
        waiter->complete_later();
        return;
    }
    const auto [asked, is_new] = state_->asked.try_emplace(host);
    if (is_new) {
        state_->queue.push_back(host);
        if (state_->idle < state_->queue.size() && state_->threads < state_->most_threads) {
            try {
                std::thread([state = state_] { state->work(); }).detach();
                ++state_->threads;
            } catch (const std::system_error&) {
                // The threads that there are will do, if there is one.
                if (state_->threads == 0) {
                    state_->queue.pop_back();
                    state_->asked.erase(asked);
                    throw;
                }
            }
        }
        state_->changed.notify_one();
    }
    asked->second.push_back({waiter, place});
}

template <class Condition>
std::vector<Resolver::State::Waiting> Resolver::State::take(Condition condition) {
    std::vector<Waiting> taken;
    const std::lock_guard lock(mutex);
    for (auto& [host, waiting] : asked) {
        const auto left = std::stable_partition(
            waiting.begin(), waiting.end(),
            [&condition](const Waiting& each) { return !condition(*each.waiter); });
        std::move(left, waiting.end(), std::back_inserter(taken));
        waiting.erase(left, waiting.end());
    }
    // What no thread has begun nobody needs any more.
    std::erase_if(queue, [this](const std::string& host) {
        const auto found = asked.find(host);
        if (!found->second.empty()) return false;
        asked.erase(found);
        return true;
    });
    return taken;
}

void Resolver::leave(const SuspendedCall& waiter) {
    state_->take([&waiter](const SuspendedCall& each) { return &each == &waiter; });
}

void Resolver::leave(const asio::io_context& loop) {
    state_->take([&loop](const SuspendedCall& each) { return &each.loop() == &loop; });
}

void Resolver::cancel_all() {
    const std::lock_guard lock(state_->mutex);
    for (auto& [host, waiting] : state_->asked) {
        for (auto& each : waiting) {
            asio::io_context& loop = each.waiter->loop();
            asio::post(loop, [waiter = std::move(each.waiter)] { waiter->complete(cancelled()); });
        }
        waiting.clear();
    }
}

void Resolver::State::work() {
    ::pthread_setname_np(::pthread_self(), "http-names");
    std::unique_lock lock(mutex);
    while (true) {
        ++idle;
        changed.wait(lock, [this] { return stopping || !queue.empty(); });
        --idle;
        if (stopping) {
            --threads;
            changed.notify_all();
            return;
        }
        const std::string host = std::move(queue.front());
        queue.pop_front();
        lock.unlock();
        const auto result = run(host);
        lock.lock();
        keep(host, result);
        const auto asked_for = asked.find(host);
        // Posted under the mutex: a loop that ends takes it first (leave), and is there until then.
        for (auto& each : asked_for->second) {
            asio::io_context& loop = each.waiter->loop();
            asio::post(loop, [waiting = std::move(each), result] {
                *waiting.place = result;
                waiting.waiter->complete();
            });
        }
        asked.erase(asked_for);
    }
}

std::shared_ptr<const Resolver::Result> Resolver::State::run(const std::string& host) const {
    const process::UnjoinedCall call;
    Result result;
    try {
        result.addresses = look_up(host);
        if (result.addresses.empty()) result.error = "it has no address";
    } catch (const std::exception& error) {
        result.error = error.what();
    } catch (...) {
        result.error = "what looks it up threw what is no std::exception";
    }
    return std::make_shared<const Result>(std::move(result));
}

void Resolver::State::keep(const std::string& host, const std::shared_ptr<const Result>& result) {
    if (!result->error.empty() || lifetime <= Duration::zero()) return;
    const auto now = Clock::now();
    if (known.size() >= most_known_names && !known.contains(host)) {
        std::erase_if(known, [now](const auto& each) { return each.second.until <= now; });
        if (known.size() >= most_known_names) return;
    }
    known.insert_or_assign(host, Known{result, now + lifetime});
}

std::vector<std::string> system_addresses(const std::string& host) {
    addrinfo hints{};
    hints.ai_family = AF_UNSPEC;
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = AI_ADDRCONFIG;
    addrinfo* list = nullptr;
    const int failed = ::getaddrinfo(host.c_str(), nullptr, &hints, &list);
    if (failed != 0) {
        throw std::runtime_error(failed == EAI_SYSTEM ? std::generic_category().message(errno)
                                                      : std::string(::gai_strerror(failed)));
    }
    const std::unique_ptr<addrinfo, void (*)(addrinfo*)> owner(list, ::freeaddrinfo);
    std::vector<std::string> addresses;
    for (const addrinfo* each = list; each != nullptr; each = each->ai_next) {
        char text[NI_MAXHOST];
        if (::getnameinfo(each->ai_addr, each->ai_addrlen, text, sizeof text, nullptr, 0,
                          NI_NUMERICHOST) != 0)
            continue;
        std::string address = text;
        // Of a link, which libcurl cannot be told beside a name.
        if (address.find('%') != std::string::npos) continue;
        if (std::find(addresses.begin(), addresses.end(), address) == addresses.end())
            addresses.push_back(std::move(address));
    }
    return addresses;
}

}  // namespace signalbox::client
