#include "signalbox/api/parsing_turn.hpp"

#include <asio/io_context.hpp>
#include <asio/post.hpp>
#include <asio/this_coro.hpp>

#include <algorithm>
#include <utility>

#include "signalbox/async/executor.hpp"
#include "signalbox/async/memory_reserve.hpp"
#include "signalbox/async/waiter.hpp"
#include "signalbox/process/memory_size.hpp"

namespace signalbox::api::detail {

struct ParsingMemory::Entry {
    Entry(std::size_t its_bytes, asio::io_context& its_loop) : bytes(its_bytes), loop(its_loop) {}

    const std::size_t bytes;
    /// It outlives its coroutines, and with them what is in the queue.
    asio::io_context& loop;
    async::Waiter waiter;  ///< the loop's
    bool let_in = false;   ///< guarded by the memory's mutex
};

ParsingMemory& ParsingMemory::of_process() {
    static ParsingMemory memory(process::memory_size() / 8);
    return memory;
}

void ParsingMemory::let_in() noexcept {
    while (!waiting_.empty() && fits(waiting_.front()->bytes)) {
        std::shared_ptr<Entry> entry = std::move(waiting_.front());
        waiting_.pop_front();
        taken_ += entry->bytes;
        entry->let_in = true;
        // Without memory for this it would wait for ever.
        const async::MemoryReserve::Use use;
        asio::io_context& loop = entry->loop;
        asio::post(loop, [entry = std::move(entry)] { entry->waiter.notify(); });
    }
}

async::Task<> ParsingTurn::begin(std::size_t bytes) {
    const async::Executor executor = co_await asio::this_coro::executor;
    auto& loop = static_cast<asio::io_context&>(executor.query(asio::execution::context));
    entry_ = std::make_shared<ParsingMemory::Entry>(bytes, loop);
    {
        const std::lock_guard lock(memory_.mutex_);
        if (memory_.waiting_.empty() && memory_.fits(bytes)) {
            memory_.taken_ += bytes;
            entry_->let_in = true;
            co_return;
        }
        memory_.waiting_.push_back(entry_);
    }
    try {
        async::Task<> waiting = entry_->waiter.wait();
        co_await std::move(waiting);
    } catch (...) {
        end();
        throw;
    }
}

void ParsingTurn::end() noexcept {
    const auto entry = std::exchange(entry_, nullptr);
    if (entry == nullptr) return;
    const std::lock_guard lock(memory_.mutex_);
    if (entry->let_in) {
        memory_.taken_ -= entry->bytes;
    } else {
        auto& waiting = memory_.waiting_;
        waiting.erase(std::remove(waiting.begin(), waiting.end(), entry), waiting.end());
    }
    memory_.let_in();
}

}  // namespace signalbox::api::detail
