#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "signalbox/async/event_loop.hpp"
#include "signalbox/async/task.hpp"
#include "signalbox/db/pool.hpp"

namespace signalbox::test {

/// Clients that move money between accounts all the time. A transfer is one transaction: two
/// UPDATEs in a random order of accounts, so that they deadlock, and a row of a journal under an id
/// that the client made. What each transfer was told is kept, and compared in the end with what the
/// databases have.
class Transfers {
  public:
    struct Options {
        int clients = 50;
        std::size_t loops = 1;                 ///< event loops that share the pool
        std::chrono::milliseconds patience{};  ///< then a client cancels its transfer; 0: never
    };
    struct Counts {
        long done = 0;
        long refused = 0;   ///< Unavailable, or the last retry was in vain
        long unknown = 0;   ///< UnknownOutcome
        long given_up = 0;  ///< cancelled
        int failing = 0;    ///< clients whose last transfer was refused, or is unknown
        std::vector<std::string> wrong{};  ///< errors that must not be; the first of them
    };

    static void create_tables(const std::string& url);

    Transfers(db::Pool& pool, Options options);
    ~Transfers();
    Transfers(const Transfers&) = delete;
    Transfers& operator=(const Transfers&) = delete;

    Counts counts() const;
    /// Ends it when each client's transfer has ended, and returns what it came to.
    Counts stop();

    /// After stop(): where the databases, together, differ from what the clients were told.
    std::vector<std::string> mistakes(const std::vector<std::string>& urls) const;

  private:
    enum class Told : std::uint8_t { done, refused, unknown };
    struct Transfer;

    async::Task<> client(unsigned seed);
    async::Task<> move(Transfer transfer);
    async::Task<> move_or_give_up(Transfer transfer, std::exception_ptr& error);
    void note(const Transfer& transfer, const std::exception_ptr& error, bool& failing);

    db::Pool& pool_;
    const Options options_;
    std::atomic<std::int64_t> next_id_ = 1;
    std::atomic<bool> done_ = false;
    mutable std::mutex mutex_;
    Counts counts_;
    std::map<std::int64_t, Told> told_;
    std::vector<std::unique_ptr<async::EventLoop>> loops_;
    std::vector<std::thread> threads_;
};

}  // namespace signalbox::test
