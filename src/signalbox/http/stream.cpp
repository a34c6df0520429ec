#include "signalbox/http/stream.hpp"

#include <asio/this_coro.hpp>

#include "signalbox/async/all.hpp"
#include "signalbox/async/wakeup.hpp"

namespace signalbox::http {

namespace {

/// Thrown to have what runs beside it cancelled.
struct Ending {};

/// Has somebody woken when a stream has to end.
class OnEnding {
  public:
    OnEnding(Sink& out, async::Wakeup& wakeup) : out_(out) {
        out_.on_ending([&wakeup] { wakeup.notify(); });
    }
    ~OnEnding() { out_.on_ending({}); }
    OnEnding(const OnEnding&) = delete;
    OnEnding& operator=(const OnEnding&) = delete;

  private:
    Sink& out_;
};

}  // namespace

async::Task<bool> run_until_ending(Sink& out, async::Task<> work) {
    const async::Executor executor = co_await asio::this_coro::executor;
    async::Wakeup wakeup(executor);
    const OnEnding on_ending(out, wakeup);
    bool done = false;
    auto watch = [&]() -> async::Task<> {
        co_await wakeup.wait_until();
        if (!done) throw Ending();
    };
    auto run = [&]() -> async::Task<> {
        co_await std::move(work);
        done = true;
        wakeup.notify();
    };
    try {
        co_await async::all(run, watch);
    } catch (const Ending&) {
        co_return false;
    }
    co_return true;
}

}  // namespace signalbox::http
