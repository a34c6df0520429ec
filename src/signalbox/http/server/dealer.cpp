#include "signalbox/http/server/dealer.hpp"

#include <algorithm>
#include <exception>
#include <utility>

#include "signalbox/async/memory_reserve.hpp"

namespace signalbox::http {

namespace {

constexpr std::chrono::milliseconds check_interval{100};

bool turns(const Worker& worker) {
    return worker.loop().since_turn() < Dealer::blocked_after;
}

}  // namespace

void Dealer::deal(Accepted accepted) {
    give(least_busy(), std::move(accepted));
}

bool Dealer::deal_in_place_of_another(Accepted& accepted) {
    using Waits = EvictionOrder::Waits;
    for (const Waits waits : {Waits::for_request, Waits::for_client}) {
        // One whose loop does not turn only when no other has any: it may be late, on a machine
        // that has too much to do.
        const auto rank = [waits](const Worker& worker) {
            const std::size_t count = worker.most_that_wait(waits);
            return std::pair(count > 0 && turns(worker), count);
        };
        const auto most = std::max_element(
            workers_.begin(), workers_.end(),
            [&rank](const auto& left, const auto& right) { return rank(*left) < rank(*right); });
        if (rank(**most).second == 0) continue;
        give(**most, std::move(accepted));
        return true;
    }
    // Those that a late loop has not taken yet will be there.
    const auto late = std::find_if(workers_.begin(), workers_.end(),
                                   [](const auto& worker) { return worker->has_untaken(); });
    if (late == workers_.end()) return false;
    give(**late, std::move(accepted));
    return true;
}

void Dealer::give(Worker& worker, Accepted accepted) {
    worker.give(std::move(accepted));
    if (workers_.size() > 1 && !std::exchange(checking_, true)) check_later();
}

Worker& Dealer::least_busy() {
    const std::size_t first = next_++;
    Worker* best = nullptr;
    const auto rank = [](const Worker& worker) {
        return std::pair(!turns(worker), worker.connections());
    };
    for (std::size_t i = 0; i < workers_.size(); ++i) {
        Worker& worker = *workers_[(first + i) % workers_.size()];
        if (best == nullptr || rank(worker) < rank(*best)) best = &worker;
    }
    return *best;
}

void Dealer::check_later() noexcept {
    try {
        const async::MemoryReserve::Use use;
        check_timer_.expires_after(check_interval);
        check_timer_.async_wait(
            async::with_memory(check_memory_, [this](const std::error_code& error) {
                if (!error) deal_again();
            }));
    } catch (const std::exception&) {  // no memory: with the next connection, then
        checking_ = false;
    }
}

void Dealer::deal_again() {
    const bool one_turns = std::any_of(workers_.begin(), workers_.end(),
                                       [](const auto& worker) { return turns(*worker); });
    bool some_wait = false;
    for (const auto& worker : workers_) {
        some_wait = some_wait || worker->has_untaken();
        if (turns(*worker) || !one_turns) continue;
        for (Accepted& accepted : worker->take_back())
            least_busy().give(std::move(accepted));
    }
    checking_ = some_wait;
    if (some_wait) check_later();
}

}  // namespace signalbox::http
