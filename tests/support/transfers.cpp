#include "support/transfers.hpp"

#include <asio/error.hpp>
#include <asio/system_error.hpp>

#include <pqxx/pqxx>
#include <random>
#include <stdexcept>
#include <utility>

#include "signalbox/async/all.hpp"
#include "signalbox/async/run.hpp"
#include "signalbox/async/sleep.hpp"
#include "signalbox/testing/postgres.hpp"

namespace signalbox::test {

namespace {

using namespace std::chrono_literals;
using async::Task;

constexpr int accounts = 10;
constexpr int at_first = 1000;

/// Ends those that run beside it.
struct Over : std::exception {};

Task<> end_after(std::chrono::milliseconds patience) {
    co_await async::sleep_for(patience);
    throw Over();
}

Task<> end_with(Task<> task, std::exception_ptr& error) {
    try {
        co_await std::move(task);
    } catch (...) {
        error = std::current_exception();
    }
    throw Over();
}

}  // namespace

struct Transfers::Transfer {
    std::int64_t id;
    int source;
    int target;
    int amount;
};

void Transfers::create_tables(const std::string& url) {
    // No key on the journal: what is there twice is to be seen, not refused.
    execute(url,
            "CREATE TABLE accounts (id int PRIMARY KEY, balance bigint NOT NULL);"
            "CREATE TABLE journal (id bigint NOT NULL, source int NOT NULL, target int NOT NULL, "
            "amount int NOT NULL);"
            "INSERT INTO accounts SELECT i, " +
                std::to_string(at_first) + " FROM generate_series(1, " + std::to_string(accounts) +
                ") i");
}

Transfers::Transfers(db::Pool& pool, Options options) : pool_(pool), options_(options) {
    const auto loops = static_cast<int>(options_.loops);
    for (int i = 0; i < loops; ++i) {
        loops_.push_back(std::make_unique<async::EventLoop>("transfers"));
        std::vector<Task<>> clients;
        for (int j = i; j < options_.clients; j += loops)
            clients.push_back(client(static_cast<unsigned>(j + 1)));
        threads_.emplace_back([loop = loops_.back().get(), all = std::move(clients)]() mutable {
            async::run(*loop, async::all(std::move(all)));
        });
    }
}

Transfers::~Transfers() {
    stop();
}

Transfers::Counts Transfers::counts() const {
    const std::lock_guard lock(mutex_);
    return counts_;
}

Transfers::Counts Transfers::stop() {
    done_ = true;
    for (auto& thread : threads_)
        thread.join();
    threads_.clear();
    return counts();
}

Task<> Transfers::client(unsigned seed) {
    std::mt19937 random(seed);
    const auto up_to = [&random](int last) {
        return std::uniform_int_distribution(1, last)(random);
    };
    bool failing = false;
    while (!done_) {
        Transfer transfer{};
        transfer.id = next_id_++;
        transfer.source = up_to(accounts);
        transfer.target = 1 + (transfer.source - 1 + up_to(accounts - 1)) % accounts;
        transfer.amount = up_to(100);
        std::exception_ptr error;
        if (options_.patience > 0ms) {
            co_await move_or_give_up(transfer, error);
        } else {
            try {
                co_await move(transfer);
            } catch (...) {
                error = std::current_exception();
            }
        }
        note(transfer, error, failing);
        co_await async::sleep_for(5ms);  // the machine has other things to do
    }
}

Task<> Transfers::move(Transfer transfer) {
    const auto options = db::TransactionOptions().retries(10);
    const auto work = [&transfer](db::Transaction& transaction) -> Task<> {
        co_await transaction.execute("UPDATE accounts SET balance = balance - $2 WHERE id = $1",
                                     transfer.source, transfer.amount);
        constexpr auto give = "UPDATE accounts SET balance = balance + $2 WHERE id = $1";
        constexpr auto note = "INSERT INTO journal VALUES ($1, $2, $3, $4)";
        if (transfer.id % 2 == 0) {  // each by itself, or both with the COMMIT
            co_await transaction.execute(give, transfer.target, transfer.amount);
            co_await transaction.execute(note, transfer.id, transfer.source, transfer.target,
                                         transfer.amount);
        } else {
            transaction.queue(give, transfer.target, transfer.amount);
            transaction.queue(note, transfer.id, transfer.source, transfer.target, transfer.amount);
        }
    };
    co_await pool_.transaction(options, work);
}

Task<> Transfers::move_or_give_up(Transfer transfer, std::exception_ptr& error) {
    // From nothing to all of it, so that each of its statements is met.
    const auto patience = 1ms + options_.patience * (transfer.id % 16) / 16;
    std::vector<Task<>> tasks;
    tasks.push_back(end_with(move(transfer), error));
    tasks.push_back(end_after(patience));
    try {
        co_await async::all(std::move(tasks));
    } catch (const Over&) {  // one of them ended the other
    }
}

void Transfers::note(const Transfer& transfer, const std::exception_ptr& error, bool& failing) {
    const std::lock_guard lock(mutex_);
    Told told = Told::refused;
    bool failed = false;
    try {
        if (error) std::rethrow_exception(error);
        told = Told::done;
        ++counts_.done;
    } catch (const db::UnknownOutcome&) {
        told = Told::unknown;
        failed = true;
        ++counts_.unknown;
    } catch (const db::Unavailable&) {
        failed = true;
        ++counts_.refused;
    } catch (const db::TransactionConflict&) {
        ++counts_.refused;
    } catch (const asio::system_error& other) {
        if (other.code() == asio::error::operation_aborted && options_.patience > 0ms) {
            ++counts_.given_up;
        } else if (counts_.wrong.size() < 3) {
            counts_.wrong.emplace_back(other.what());
        }
    } catch (const std::exception& other) {
        if (counts_.wrong.size() < 3) counts_.wrong.emplace_back(other.what());
    }
    counts_.failing += static_cast<int>(failed) - static_cast<int>(failing);
    failing = failed;
    told_.emplace(transfer.id, told);
}

std::vector<std::string> Transfers::mistakes(const std::vector<std::string>& urls) const {
    std::vector<std::string> found;
    std::map<std::int64_t, int> times;
    for (const std::string& url : urls) {
        const std::string sum = query_value(url, "SELECT sum(balance) FROM accounts");
        if (sum != std::to_string(accounts * at_first)) found.push_back("the sum is " + sum);
        const std::string other = query_value(
            url,
            "SELECT count(*) FROM accounts WHERE balance <> " + std::to_string(at_first) +
                " + (SELECT coalesce(sum(amount), 0) FROM journal WHERE target = accounts.id)"
                " - (SELECT coalesce(sum(amount), 0) FROM journal WHERE source = accounts.id)");
        if (other != "0") found.push_back(other + " balances are not those of the journal");
        pqxx::connection connection(url);
        for (const auto& row : pqxx::nontransaction(connection).exec("SELECT id FROM journal"))
            ++times[row[0].as<std::int64_t>()];
    }
    for (const auto& [id, told] : told_) {
        const auto at = times.find(id);
        const int there = at == times.end() ? 0 : at->second;
        const std::string name = "transfer " + std::to_string(id);
        if (there > 1) found.push_back(name + " is there several times");
        if (there == 0 && told == Told::done) found.push_back(name + " was done and is not there");
        if (there > 0 && told == Told::refused) found.push_back(name + " was refused and is there");
    }
    for (const auto& [id, there] : times) {
        if (!told_.contains(id)) found.push_back("nobody made transfer " + std::to_string(id));
    }
    return found;
}

}  // namespace signalbox::test
