#include "signalbox/http/middleware/shared_bodies.hpp"

#include <asio/this_coro.hpp>

#include <exception>
#include <list>
#include <utility>

#include "signalbox/async/off_loop.hpp"
#include "signalbox/async/wakeup.hpp"

namespace signalbox::http {

/// For all of one loop who wait for the same. It goes on when they have left.
class SharedBodies::Making final : public async::OffLoopWork {
  public:
    Making(const SharedBodies& bodies, std::shared_ptr<Entry> entry, JsonText body)
        : bodies_(bodies), entry_(std::move(entry)), body_(std::move(body)) {}

    void run() noexcept override {
        try {
            // One thread of each loop at most waits here for another.
            const std::lock_guard lock(entry_->making);
            if (!entry_->made) bodies_.make(*entry_, body_.text());
        } catch (...) {
            error_ = std::current_exception();
        }
    }

    void done() override {
        done_ = true;
        for (async::Wakeup* const waiter : waiters_)
            waiter->notify();
    }

    static async::Task<> wait(std::shared_ptr<Making> self) {
        if (!self->done_) {
            const async::Executor executor = co_await asio::this_coro::executor;
            async::Wakeup wakeup(executor);
            const Place place(self->waiters_, wakeup);
            co_await wakeup.wait_until();
        }
        if (self->error_) std::rethrow_exception(self->error_);
    }

  private:
    using Waiters = std::list<async::Wakeup*>;
    struct Place {
        Place(Waiters& all, async::Wakeup& waiter)
            : waiters(all), place(all.insert(all.end(), &waiter)) {}
        ~Place() { waiters.erase(place); }
        Place(const Place&) = delete;
        Place& operator=(const Place&) = delete;
        Waiters& waiters;
        const Waiters::iterator place;
    };

    const SharedBodies& bodies_;
    const std::shared_ptr<Entry> entry_;
    const JsonText body_;
    std::exception_ptr error_;
    /// The loop's.
    bool done_ = false;
    Waiters waiters_;
};

JsonText SharedBodies::get(const JsonText& body) {
    const auto entry = entry_of(body);
    if (!entry->made) {
        // Another loop may be about it: to wait for that would block this one.
        const std::unique_lock lock(entry->making, std::try_to_lock);
        if (!lock.owns_lock()) {
            return make_(body.text());
        }
        if (!entry->made) make(*entry, body.text());
    }
    return entry->form;
}

async::Task<JsonText> SharedBodies::get_off_loop(JsonText body) {
    const auto entry = entry_of(body);
    if (!entry->made) {
        const async::Executor executor = co_await asio::this_coro::executor;
        asio::io_context& loop = executor.query(asio::execution::context);
        std::shared_ptr<Making> making;
        {
            const std::lock_guard lock(mutex_);
            auto& known = entry->makings[&loop];
            making = known.lock();
            if (!making) {
                making = std::make_shared<Making>(*this, entry, std::move(body));
                async::OffLoopThreads::of(loop).run(making);
                known = making;
            }
        }
        async::Task<> made = Making::wait(std::move(making));
        co_await std::move(made);
    }
    co_return entry->form;
}

std::size_t SharedBodies::size() const {
    const std::lock_guard lock(mutex_);
    return entries_.size();
}

std::shared_ptr<SharedBodies::Entry> SharedBodies::entry_of(const JsonText& body) {
    const std::lock_guard lock(mutex_);
    std::erase_if(entries_, [](const auto& known) { return known.second->body.expired(); });
    auto& entry = entries_[body.owner().get()];
    if (!entry) {
        entry = std::make_shared<Entry>();
        entry->body = body.owner();
    }
    return entry;
}

void SharedBodies::make(Entry& entry, std::string_view body) const {
    entry.form = make_(body);
    entry.made = true;
}

}  // namespace signalbox::http
