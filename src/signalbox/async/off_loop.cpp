#include "signalbox/async/off_loop.hpp"

#include <asio/post.hpp>
#include <asio/this_coro.hpp>
#include <pthread.h>
#include <signal.h>  // NOLINT(modernize-deprecated-headers): of POSIX

#include <utility>

#include "signalbox/async/memory_reserve.hpp"

namespace signalbox::async {

asio::execution_context::id OffLoopThreads::id;

OffLoopThreads& OffLoopThreads::of(asio::io_context& loop) {
    return asio::use_service<OffLoopThreads>(static_cast<asio::execution_context&>(loop));
}

void OffLoopThreads::run(std::shared_ptr<OffLoopWork> work) {
    const std::lock_guard lock(mutex_);
    queue_.push_back(std::move(work));
    if (idle_ < queue_.size() && threads_.size() < most_threads) {
        try {
            threads_.emplace_back([this] { this->work(); });
        } catch (...) {
            // The threads that there are will do, if there is one.
            if (threads_.empty()) {
                queue_.pop_back();
                throw;
            }
        }
    }
    wake_.notify_one();
}

void OffLoopThreads::work() {
    ::pthread_setname_np(::pthread_self(), "off-loop");
    // A file beyond RLIMIT_FSIZE is an error of the one who writes it, not the process's end.
    sigset_t too_large;
    sigemptyset(&too_large);
    sigaddset(&too_large, SIGXFSZ);
    ::pthread_sigmask(SIG_BLOCK, &too_large, nullptr);
    // Without memory to tell the loop its coroutine would wait for ever.
    MemoryReserve reserve;
    std::unique_lock lock(mutex_);
    while (true) {
        ++idle_;
        wake_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
        --idle_;
        if (stopping_) return;
        std::shared_ptr<OffLoopWork> work = std::move(queue_.front());
        queue_.pop_front();
        lock.unlock();
        work->run();
        {
            const MemoryReserve::Use use;
            asio::post(loop_, [done = std::move(work)] { done->done(); });
        }
        MemoryReserve::refill_of_thread();
        lock.lock();
    }
}

void OffLoopThreads::shutdown() {
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
    }
    wake_.notify_all();
    for (std::thread& thread : threads_)
        thread.join();
    threads_.clear();
    // What nobody has begun. It may have a coroutine's objects, of which the loop has the others.
    queue_.clear();
}

namespace detail {

void OffLoopCall::done() {
    waiter_.notify();
}

Task<> OffLoopCall::wait(std::shared_ptr<OffLoopCall> call) {
    const Executor executor = co_await asio::this_coro::executor;
    OffLoopThreads::of(executor.query(asio::execution::context)).run(call);
    try {
        Task<> waiting = call->waiter_.wait();
        co_await std::move(waiting);
    } catch (...) {
        if (!call->begun_.exchange(true)) call->drop();
        throw;
    }
    if (call->thrown_) std::rethrow_exception(call->thrown_);
}

}  // namespace detail
}  // namespace signalbox::async
