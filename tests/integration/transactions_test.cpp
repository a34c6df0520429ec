// Statements that are done together or not at all, on a real PostgreSQL.

#include <asio/co_spawn.hpp>
#include <asio/post.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <future>
#include <mutex>
#include <optional>
#include <pqxx/connection>
#include <pqxx/transaction>
#include <stdexcept>
#include <string>
#include <thread>
#include <tuple>
#include <utility>
#include <vector>

#include "signalbox/async/all.hpp"
#include "signalbox/async/event_loop.hpp"
#include "signalbox/async/executor.hpp"
#include "signalbox/async/sleep.hpp"
#include "signalbox/context/request_context.hpp"
#include "signalbox/db/pool.hpp"
#include "signalbox/db/pool_options.hpp"
#include "signalbox/testing/postgres.hpp"
#include "signalbox/testing/run.hpp"
#include "support/eventually.hpp"
#include "support/pgbouncer.hpp"

namespace signalbox::test {
namespace {

using namespace std::chrono_literals;
using async::Task;
using db::Isolation;
using db::Transaction;
using db::TransactionOptions;
using testing::ElementsAre;
using testing::HasSubstr;

struct Account {
    std::int64_t id;
    std::string name;
    std::int64_t balance;
};

class Transactions : public testing::TestWithParam<Way> {
  protected:
    Transactions() {
        execute(url_,
                "CREATE TABLE accounts (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name "
                "text UNIQUE DEFERRABLE INITIALLY IMMEDIATE, balance bigint NOT NULL DEFAULT 0);"
                "INSERT INTO accounts (name, balance) VALUES ('Ada', 100), ('Grace', 100)");
        if (GetParam() == Way::pooled) {
            pgbouncer_.emplace(server_, 8);
        }
        make_pool();
    }

    void make_pool(std::size_t size = 5, std::chrono::milliseconds idle_timeout = 30s) {
        pool_.reset();
        const bool direct = GetParam() == Way::direct;
        pool_.emplace(db::PoolOptions{.url = direct ? url_ : pgbouncer_->url("app"),
                                      .application_name = "signalbox",
                                      .size = size,
                                      .query_timeout = 10s,
                                      .transaction_idle_timeout = idle_timeout,
                                      .prepare = direct,
                                      .on_event = [this](db::Event event, std::string_view what) {
                                          const std::lock_guard lock(mutex_);
                                          if (event == db::Event::transaction_idle)
                                              said_.emplace_back(what);
                                      }});
        pool_->connect();
    }

    std::vector<std::string> said() {
        const std::lock_guard lock(mutex_);
        return said_;
    }

    std::string value(const std::string& sql) const { return query_value(url_, sql); }
    std::string balances() const {
        return value("SELECT string_agg(name || ' ' || balance, ', ' ORDER BY id) FROM accounts");
    }
    std::string waiting_for_locks() const {
        return value(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND "
            "wait_event_type = 'Lock'");
    }
    /// But for those in which a pool asks whether the server is there.
    std::string open_transactions() const {
        return value(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND "
            "backend_type = 'client backend' AND xact_start IS NOT NULL AND query <> 'SELECT 1' "
            "AND pid <> pg_backend_pid()");
    }

    /// PostgreSQL answers a COMMIT before it shows that the transaction is over.
    void expect_no_open_transaction() const {
        EXPECT_TRUE(test::eventually([&] { return open_transactions() == "0"; }));
    }

    static std::string make_database(PostgresServer& server) {
        execute(server.database_url(), "CREATE DATABASE app");
        return server.database_url("app");
    }

    PostgresServer server_;
    const std::string url_ = make_database(server_);
    std::optional<PgBouncer> pgbouncer_;
    std::mutex mutex_;
    std::vector<std::string> said_;
    std::optional<db::Pool> pool_;
};

INSTANTIATE_TEST_SUITE_P(Directly, Transactions, testing::Values(Way::direct));
INSTANTIATE_TEST_SUITE_P(BehindPgBouncer, Transactions, testing::Values(Way::pooled));

constexpr std::string_view add = "UPDATE accounts SET balance = balance + $2 WHERE name = $1";

TEST_P(Transactions, commit_when_their_work_returns_and_return_what_it_does) {
    const std::int64_t balance = run([&]() -> Task<std::int64_t> {
        co_return co_await pool_->transaction([&](Transaction& transaction) -> Task<std::int64_t> {
            co_await transaction.execute(add, "Ada", -30);
            co_await transaction.execute(add, "Grace", 30);
            EXPECT_EQ(balances(), "Ada 100, Grace 100");
            co_return co_await transaction.fetch_value<std::int64_t>(
                "SELECT balance FROM accounts WHERE name = $1", "Grace");
        });
    }());
    EXPECT_EQ(balance, 130);
    EXPECT_EQ(balances(), "Ada 70, Grace 130");
    expect_no_open_transaction();
}

TEST_P(Transactions, give_rows_in_every_form) {
    run([&]() -> Task<> {
        co_await pool_->transaction([&](Transaction& transaction) -> Task<> {
            const auto made = co_await transaction.execute_one<Account>(
                "INSERT INTO accounts (name, balance) VALUES ($1, $2) RETURNING *", "Alan", 7);
            EXPECT_EQ(made.id, 3);
            const auto all =
                co_await transaction.fetch_all<Account>("SELECT * FROM accounts ORDER BY id");
            EXPECT_EQ(all.size(), 3U);
            EXPECT_EQ(all.at(2).name, "Alan");
            const auto row = co_await transaction.fetch_row<Account>(
                "SELECT *, 1 AS more FROM accounts WHERE id = $1", 3);
            EXPECT_EQ(row ? row->json().text() : "none", R"({"id":3,"name":"Alan","balance":7})");
            const auto json = co_await transaction.fetch_all("SELECT id FROM accounts ORDER BY id");
            EXPECT_EQ(json.text(), R"([{"id":1},{"id":2},{"id":3}])");
            const auto none = co_await transaction.fetch_optional<Account>(
                "SELECT * FROM accounts WHERE id = $1", 99);
            EXPECT_FALSE(none);
        });
    }());
}

TEST_P(Transactions, are_rolled_back_when_their_work_throws) {
    const auto transfer = [&]() -> Task<> {
        co_await pool_->transaction([&](Transaction& transaction) -> Task<> {
            co_await transaction.execute(add, "Ada", -30);
            throw std::out_of_range("not so far");
        });
    };
    EXPECT_THROW(run(transfer()), std::out_of_range);
    EXPECT_EQ(balances(), "Ada 100, Grace 100");
    expect_no_open_transaction();
}

TEST_P(Transactions, that_run_nothing_take_no_connection) {
    make_pool(1);
    run([&]() -> Task<> {
        co_await pool_->transaction([&](Transaction&) -> Task<> {
            // It would wait for ever if this one had the only connection.
            const auto count =
                co_await pool_->fetch_value<std::int64_t>("SELECT count(*) FROM accounts");
            EXPECT_EQ(count, 2);
        });
    }());
}

TEST_P(Transactions, do_not_report_success_when_a_failed_statement_was_passed_over) {
    const auto work = [&]() -> Task<> {
        co_await pool_->transaction([&](Transaction& transaction) -> Task<> {
            co_await transaction.execute(add, "Ada", 1);
            try {
                co_await transaction.execute("SELECT 1/0");
            } catch (const db::Error& error) {
                EXPECT_EQ(error.sqlstate(), "22012");
            }
        });
    };
    try {
        run(work());
        ADD_FAILURE() << "no error";
    } catch (const db::Error& error) {
        EXPECT_EQ(error.sqlstate(), "25P02");
    }
    EXPECT_EQ(balances(), "Ada 100, Grace 100");
}

TEST_P(Transactions, undo_only_what_was_behind_a_savepoint_that_failed) {
    run([&]() -> Task<> {
        co_await pool_->transaction([&](Transaction& transaction) -> Task<> {
            co_await transaction.execute(add, "Ada", 1);
            try {
                co_await transaction.transaction([&](Transaction& inner) -> Task<> {
                    co_await inner.execute(add, "Ada", 10);
                    co_await inner.transaction([&](Transaction& innermost) -> Task<> {
                        co_await innermost.execute("INSERT INTO accounts (name) VALUES ('Ada')");
                    });
                });
            } catch (const db::Error& error) {
                EXPECT_EQ(error.sqlstate(), "23505");
            }
            const auto done =
                co_await transaction.transaction([&](Transaction& inner) -> Task<std::size_t> {
                    co_return co_await inner.execute(add, "Grace", 2);
                });
            EXPECT_EQ(done, 1U);
        });
    }());
    EXPECT_EQ(balances(), "Ada 101, Grace 102");
}

TEST_P(Transactions, send_what_is_queued_with_what_comes_next) {
    run([&]() -> Task<> {
        co_await pool_->transaction([&](Transaction& transaction) -> Task<> {
            transaction.queue(add, "Ada", 1);
            transaction.queue(add, "Ada", 2);
            EXPECT_EQ(pool_->usage().transactions, 0U) << "nothing is sent yet";
            const auto balance = co_await transaction.fetch_value<std::int64_t>(
                "SELECT balance FROM accounts WHERE name = $1", "Ada");
            EXPECT_EQ(balance, 103);
            transaction.queue("UPDATE accounts SET balance = balance * 2 WHERE name = 'Ada'");
            transaction.queue(add, "Ada", 4);
            const auto affected = co_await transaction.execute(
                "UPDATE accounts SET balance = "
                "balance + 10");
            EXPECT_EQ(affected, 2U) << "its own";
            transaction.queue(add, "Grace", 5);
        });
        co_await pool_->transaction([&](Transaction& transaction) -> Task<> {
            transaction.queue(add, "Grace", 100);
            co_return;
        });
    }());
    EXPECT_EQ(balances(), "Ada 220, Grace 215");
    expect_no_open_transaction();
}

TEST_P(Transactions, throw_the_error_of_what_was_queued_from_what_it_was_sent_with) {
    const auto work = [&](bool statement_follows) -> Task<> {
        bool caught = false;
        co_await pool_->transaction([&](Transaction& transaction) -> Task<> {
            co_await transaction.execute(add, "Grace", 1);
            transaction.queue("INSERT INTO accounts (name) VALUES ($1)", "Ada");
            transaction.queue(add, "Grace", 1);
            if (!statement_follows) co_return;
            try {
                co_await transaction.execute(add, "Grace", 1);
            } catch (const db::UniqueViolation&) {
                caught = true;
                throw;
            }
        });
        EXPECT_TRUE(caught);
    };
    for (const bool statement_follows : {true, false}) {
        try {
            run(work(statement_follows));
            ADD_FAILURE() << "no error";
        } catch (const db::UniqueViolation& error) {
            EXPECT_EQ(error.constraint(), "accounts_name_key");
        }
    }
    EXPECT_EQ(balances(), "Ada 100, Grace 100");
    expect_no_open_transaction();
    const auto with_nul = [&]() -> Task<> {
        co_await pool_->transaction([&](Transaction& transaction) -> Task<> {
            transaction.queue(add, std::string("A\0b", 3), 1);
            co_return;
        });
    };
    EXPECT_THROW(run(with_nul()), db::InvalidData);
}

TEST_P(Transactions, undo_what_was_queued_behind_a_savepoint_with_it) {
    run([&]() -> Task<> {
        co_await pool_->transaction([&](Transaction& transaction) -> Task<> {
            transaction.queue(add, "Ada", 1);
            try {
                co_await transaction.transaction([&](Transaction& inner) -> Task<> {
                    co_await inner.execute(add, "Ada", 10);
                    inner.queue(add, "Ada", 20);
                    throw std::out_of_range("not so far");
                });
            } catch (const std::out_of_range&) {
            }
            try {
                co_await transaction.transaction([&](Transaction& inner) -> Task<> {
                    inner.queue(add, "Ada", 40);
                    inner.queue("INSERT INTO accounts (name) VALUES ('Ada')");
                    co_return;
                });
                ADD_FAILURE() << "no error";
            } catch (const db::UniqueViolation&) {
            }
            co_await transaction.transaction([&](Transaction& inner) -> Task<> {
                inner.queue(add, "Grace", 2);
                co_return;
            });
            transaction.queue("INSERT INTO accounts (name) VALUES ('Alan')");
            const std::vector<std::tuple<std::string, int>> rows{{"Edsger", 7}};
            const std::vector<std::string> columns{"name", "balance"};
            co_await transaction.copy("accounts", columns, rows);
        });
    }());
    EXPECT_EQ(balances(), "Ada 101, Grace 102, Alan 0, Edsger 7");
}

/// Both read before either writes, so that one has to be run again.
TEST_P(Transactions, are_run_again_when_they_could_not_be_serialized_and_that_was_asked_for) {
    const auto increment = [&](int retries, int& runs) -> Task<> {
        const auto options =
            TransactionOptions().isolation(Isolation::serializable).retries(retries);
        co_await pool_->transaction(options, [&](Transaction& transaction) -> Task<> {
            const auto sum = co_await transaction.fetch_value<std::int64_t>(
                "SELECT sum(balance)::bigint FROM "
                "accounts");
            ++runs;
            while (runs < 2)
                co_await async::sleep_for(1ms);
            co_await transaction.execute(
                "UPDATE accounts SET balance = balance + $1 WHERE name = 'Ada'", sum);
        });
    };
    const auto both = [&](int retries, int& runs) -> Task<> {
        std::vector<Task<>> tasks;
        tasks.push_back(increment(retries, runs));
        tasks.push_back(increment(retries, runs));
        co_await async::all(std::move(tasks));
    };
    int runs = 0;
    run(both(5, runs));
    EXPECT_GE(runs, 3);
    EXPECT_EQ(balances(), "Ada 700, Grace 100");  // 100 + 200 + 400

    runs = 0;
    try {
        run(both(0, runs));
        ADD_FAILURE() << "no error";
    } catch (const db::Error& error) {
        EXPECT_EQ(error.sqlstate(), "40001");
    }
}

TEST_P(Transactions, get_out_of_a_deadlock) {
    const auto transfer = [&](std::string from, std::string to, int& locked, int& runs) -> Task<> {
        const auto options = TransactionOptions().retries(3);
        co_await pool_->transaction(options, [&](Transaction& transaction) -> Task<> {
            ++runs;
            co_await transaction.execute(add, from, -10);
            ++locked;
            while (locked < 2)
                co_await async::sleep_for(1ms);
            co_await transaction.execute(add, to, 10);
        });
    };
    int locked = 0;
    int runs = 0;
    run([&]() -> Task<> {
        std::vector<Task<>> tasks;
        tasks.push_back(transfer("Ada", "Grace", locked, runs));
        tasks.push_back(transfer("Grace", "Ada", locked, runs));
        co_await async::all(std::move(tasks));
    }());
    EXPECT_GE(runs, 3);
    EXPECT_EQ(balances(), "Ada 100, Grace 100");
}

/// Cancels the task as soon as `when` holds.
Task<> cancelled_when(Task<> task, std::function<bool()> when) {
    const auto cancel = [](std::function<bool()> holds) -> Task<> {
        while (!holds())
            co_await async::sleep_for(5ms);
        throw std::runtime_error("enough");
    };
    std::vector<Task<>> tasks;
    tasks.push_back(std::move(task));
    tasks.push_back(cancel(std::move(when)));
    try {
        co_await async::all(std::move(tasks));
        ADD_FAILURE() << "was not cancelled";
    } catch (const std::runtime_error& error) {
        EXPECT_STREQ(error.what(), "enough");
    }
}

/// The statement in front of the COMMIT waits for a lock, which is no reason not to be cancelled.
TEST_P(Transactions, are_rolled_back_when_cancelled_while_what_is_queued_waits_for_a_lock) {
    pqxx::connection other(url_);
    std::optional<pqxx::work> lock(std::in_place, other);
    lock->exec("SELECT FROM accounts WHERE name = 'Grace' FOR UPDATE");
    bool thrown = false;
    const auto work = [&]() -> Task<> {
        try {
            co_await pool_->transaction([&](Transaction& transaction) -> Task<> {
                co_await transaction.execute(add, "Ada", 1);
                transaction.queue(add, "Grace", 1);
            });
        } catch (const std::system_error&) {
            thrown = true;
        }
    };
    run(cancelled_when(work(), [&] { return waiting_for_locks() == "1"; }));
    EXPECT_TRUE(thrown);
    lock.reset();
    EXPECT_EQ(balances(), "Ada 100, Grace 100");
    expect_no_open_transaction();
    // The session is as good as before.
    run([&]() -> Task<> {
        co_await pool_->transaction([&](Transaction& transaction) -> Task<> {
            transaction.queue(add, "Grace", 1);
            co_return;
        });
    }());
    EXPECT_EQ(balances(), "Ada 100, Grace 101");
}

TEST_P(Transactions, are_rolled_back_before_a_cancelled_handler_goes_on) {
    execute(url_, "CREATE TABLE locked ()");
    bool stays_cancelled = false;
    const auto work = [&]() -> Task<> {
        bool cancelled = false;
        try {
            co_await pool_->transaction([&](Transaction& transaction) -> Task<> {
                co_await transaction.execute(add, "Ada", 1);
                co_await transaction.execute("LOCK TABLE locked");
                co_await transaction.execute("SELECT pg_sleep(60)");
            });
        } catch (const std::system_error&) {
            cancelled = true;
            // Nothing of it is open any more, not even in PostgreSQL.
            EXPECT_EQ(open_transactions(), "0");
            EXPECT_EQ(balances(), "Ada 100, Grace 100");
        }
        EXPECT_TRUE(cancelled);
        try {
            co_await async::sleep_for(1ms);
        } catch (const std::system_error&) {
            stays_cancelled = true;
        }
    };
    run(cancelled_when(work(), [&] {
        return value("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'") == "1";
    }));
    EXPECT_TRUE(stays_cancelled);
    // The connection was of use afterwards.
    EXPECT_EQ(run(pool_->execute(add, "Ada", 5)), 1U);
    EXPECT_EQ(balances(), "Ada 105, Grace 100");
}

TEST_P(Transactions, are_rolled_back_when_they_are_cancelled_between_statements) {
    bool sleeps = false;
    const auto work = [&]() -> Task<> {
        co_await pool_->transaction([&](Transaction& transaction) -> Task<> {
            co_await transaction.execute(add, "Ada", 1);
            sleeps = true;
            co_await async::sleep_for(60s);
        });
    };
    run(cancelled_when(work(), [&] { return sleeps; }));
    expect_no_open_transaction();
    EXPECT_EQ(balances(), "Ada 100, Grace 100");
}

/// A COMMIT that takes long, by a trigger that runs at its end.
TEST_P(Transactions, whose_commit_was_sent_are_not_cancelled) {
    execute(url_,
            "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM "
            "pg_sleep(0.5); RETURN NULL; END $$;"
            "CREATE CONSTRAINT TRIGGER slow AFTER UPDATE ON accounts DEFERRABLE INITIALLY DEFERRED "
            "FOR EACH ROW EXECUTE FUNCTION slow()");
    bool cancelled = false;
    const auto work = [&]() -> Task<> {
        try {
            co_await pool_->transaction([&](Transaction& transaction) -> Task<> {
                co_await transaction.execute(add, "Ada", 1);
            });
            co_await async::sleep_for(1ms);
        } catch (const std::system_error&) {
            cancelled = true;
        }
    };
    run(cancelled_when(work(), [&] {
        return value("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'") == "1";
    }));
    EXPECT_TRUE(cancelled);
    EXPECT_EQ(balances(), "Ada 101, Grace 100");
}

TEST_P(Transactions, that_lose_their_connection_before_commit_are_not_done) {
    const auto work = [&]() -> Task<> {
        co_await pool_->transaction([&](Transaction& transaction) -> Task<> {
            co_await transaction.execute(add, "Ada", 1);
            execute(url_,
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE xact_start IS "
                    "NOT NULL AND pid <> pg_backend_pid()");
            co_await transaction.execute(add, "Ada", 1);
        });
    };
    EXPECT_THROW(run(work()), db::Unavailable);
    EXPECT_EQ(balances(), "Ada 100, Grace 100");
    EXPECT_EQ(run(pool_->execute(add, "Ada", 5)), 1U);
}

TEST_P(Transactions, that_lose_their_connection_at_commit_say_that_nobody_knows) {
    execute(url_,
            "CREATE FUNCTION dies() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM "
            "pg_terminate_backend(pg_backend_pid()); PERFORM pg_sleep(60); RETURN NULL; END $$;"
            "CREATE CONSTRAINT TRIGGER dies AFTER UPDATE ON accounts DEFERRABLE INITIALLY DEFERRED "
            "FOR EACH ROW EXECUTE FUNCTION dies()");
    const auto work = [&]() -> Task<> {
        co_await pool_->transaction([&](Transaction& transaction) -> Task<> {
            co_await transaction.execute(add, "Ada", 1);
        });
    };
    EXPECT_THROW(run(work()), db::UnknownOutcome);
    EXPECT_THROW(run(pool_->execute(add, "Ada", 1)), db::UnknownOutcome);
    EXPECT_EQ(balances(), "Ada 100, Grace 100");
}

TEST_P(Transactions, begin_on_a_connection_that_lives) {
    run(pool_->execute(add, "Ada", 1));
    execute(url_,
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() "
            "AND backend_type = 'client backend'");
    const auto work = [&]() -> Task<> {
        co_await pool_->transaction([&](Transaction& transaction) -> Task<> {
            co_await transaction.execute(add, "Ada", 1);
        });
    };
    run(work());
    EXPECT_EQ(balances(), "Ada 102, Grace 100");
}

TEST_P(Transactions, take_no_notice_of_a_table_that_was_changed_between_two) {
    const auto read = [&]() -> Task<std::string> {
        co_return co_await pool_->transaction([&](Transaction& transaction) -> Task<std::string> {
            const auto json =
                co_await transaction.fetch_all("SELECT * FROM accounts WHERE id = $1", 1);
            co_return std::string(json.text());
        });
    };
    make_pool(1);
    EXPECT_EQ(run(read()), R"([{"id":1,"name":"Ada","balance":100}])");
    execute(url_, "ALTER TABLE accounts ADD more int");
    EXPECT_EQ(run(read()), R"([{"id":1,"name":"Ada","balance":100,"more":null}])");
}

TEST_P(Transactions, tell_their_request_for_how_long_they_hold_a_connection) {
    context::RequestContext request;
    const auto since = [&] { return request.in_transaction_since(); };
    const auto transfers = [&]() -> Task<> {
        const auto began = context::RequestContext::Clock::now();
        co_await pool_->transaction([&](Transaction& transaction) -> Task<> {
            EXPECT_FALSE(since()) << "it has no connection yet";
            co_await transaction.execute(add, "Ada", 1);
            const auto first = since();
            EXPECT_GE(first, began);
            co_await pool_->transaction([&](Transaction& other) -> Task<> {
                co_await other.execute(add, "Grace", 1);
                EXPECT_EQ(since(), first);
            });
            EXPECT_EQ(since(), first) << "the other has ended, this one not";
            co_await transaction.execute(add, "Ada", 1);
        });
        EXPECT_FALSE(since());
        const auto fails = [&]() -> Task<> {
            co_await pool_->transaction([&](Transaction& transaction) -> Task<> {
                co_await transaction.execute("SELECT 1/0");
            });
        };
        bool failed = false;
        try {
            co_await fails();
        } catch (const db::Error&) {
            failed = true;
        }
        EXPECT_TRUE(failed);
        EXPECT_FALSE(since());
    };
    async::EventLoop loop("test");
    std::promise<void> ended;
    // On the loop, which is the request's only thread.
    asio::post(loop.executor(), [&] {
        asio::co_spawn(async::Executor(loop.executor(), &request), transfers(),
                       [&](const std::exception_ptr& error) {
                           error ? ended.set_exception(error) : ended.set_value();
                       });
    });
    ended.get_future().get();
}

TEST_P(Transactions, that_are_idle_for_too_long_are_named_and_ended) {
    make_pool(2, 100ms);
    const auto work = [&]() -> Task<> {
        co_await pool_->transaction([&](Transaction& transaction) -> Task<> {
            co_await transaction.execute(add, "Ada", 1);
            while (open_transactions() != "0")
                co_await async::sleep_for(10ms);
            // Another one may have what it held.
            const auto done = co_await pool_->execute(add, "Ada", 10);
            EXPECT_EQ(done, 1U);
            co_await transaction.execute(add, "Ada", 1);
        });
    };
    try {
        run(work());
        ADD_FAILURE() << "no error";
    } catch (const db::Error& error) {
        EXPECT_EQ(error.sqlstate(), "25P03");
    }
    EXPECT_EQ(balances(), "Ada 110, Grace 100");
    EXPECT_THAT(said(), ElementsAre(HasSubstr("in a transaction for 100ms without a statement")));
}

/// It waits for another connection for longer than it may be idle.
TEST_P(Transactions, are_not_idle_while_they_wait_for_a_connection_in_place_of_one_that_broke) {
    if (GetParam() == Way::pooled) GTEST_SKIP() << "a pooler keeps the connection";
    make_pool(1, 100ms);
    execute(server_.database_url(), "ALTER DATABASE app ALLOW_CONNECTIONS false");
    const auto work = [&]() -> Task<> {
        co_await pool_->transaction([&](Transaction& transaction) -> Task<> {
            co_await transaction.execute("SELECT pg_terminate_backend(pg_backend_pid())");
        });
    };
    EXPECT_THROW(run(work()), db::Unavailable);
    EXPECT_THAT(said(), testing::IsEmpty());
}

TEST_P(Transactions, run_one_statement_at_a_time) {
    const auto work = [&]() -> Task<> {
        co_await pool_->transaction([&](Transaction& transaction) -> Task<> {
            co_await transaction.execute(add, "Ada", 1);
            co_await async::all(transaction.execute("SELECT pg_sleep(0.1)"),
                                transaction.execute(add, "Ada", 1));
        });
    };
    EXPECT_THROW(run(work()), std::logic_error);
    EXPECT_EQ(balances(), "Ada 100, Grace 100");
    expect_no_open_transaction();
}

TEST_P(Transactions, leave_a_fifth_of_the_pool_to_others) {
    make_pool(5);
    int in_transaction = 0;
    bool enough = false;
    const auto holds = [&]() -> Task<> {
        co_await pool_->transaction([&](Transaction& transaction) -> Task<> {
            co_await transaction.fetch_value<int>("SELECT 1");
            ++in_transaction;
            while (!enough)
                co_await async::sleep_for(1ms);
        });
    };
    const auto looks = [&]() -> Task<> {
        while (in_transaction < 4)
            co_await async::sleep_for(1ms);
        // Reads and single writes go on beside the four, though four more wait.
        for (int i = 0; i < 20; ++i) {
            const auto count =
                co_await pool_->fetch_value<std::int64_t>("SELECT count(*) FROM accounts");
            EXPECT_EQ(count, 2);
            const auto done = co_await pool_->execute(add, "Ada", 1);
            EXPECT_EQ(done, 1U);
        }
        EXPECT_EQ(in_transaction, 4);
        EXPECT_EQ(pool_->usage().used, 4U);
        EXPECT_EQ(pool_->usage().waiting, 4U);
        enough = true;
    };
    run([&]() -> Task<> {
        std::vector<Task<>> tasks;
        for (int i = 0; i < 8; ++i)
            tasks.push_back(holds());
        tasks.push_back(looks());
        co_await async::all(std::move(tasks));
    }());
    EXPECT_EQ(in_transaction, 8);
    EXPECT_EQ(pool_->usage().used, 0U);
}

TEST_P(Transactions, that_read_only_are_refused_to_write) {
    const auto work = [&]() -> Task<> {
        const auto options =
            TransactionOptions().isolation(Isolation::serializable).read_only().deferrable();
        co_await pool_->transaction(options, [&](Transaction& transaction) -> Task<> {
            const auto level = co_await transaction.fetch_value<std::string>(
                "SELECT current_setting('transaction_isolation') || ' ' || "
                "current_setting('transaction_deferrable')");
            EXPECT_EQ(level, "serializable on");
            co_await transaction.execute(add, "Ada", 1);
        });
    };
    try {
        run(work());
        ADD_FAILURE() << "no error";
    } catch (const db::Error& error) {
        EXPECT_EQ(error.sqlstate(), "25006");
    }
}

TEST_P(Transactions, are_for_what_writes_and_reads_are_not) {
    try {
        run(pool_->fetch_value<std::int64_t>(
            "INSERT INTO accounts (name) VALUES ('Eve') RETURNING id"));
        ADD_FAILURE() << "no error";
    } catch (const db::Error& error) {
        EXPECT_EQ(error.sqlstate(), "25006");
    }
    EXPECT_EQ(balances(), "Ada 100, Grace 100");
}

TEST_P(Transactions, execute_for_many_rows) {
    std::vector<std::tuple<std::string, std::optional<int>>> rows;
    for (int i = 0; i < 2500; ++i)
        rows.emplace_back("name " + std::to_string(i), i);
    constexpr std::string_view insert = "INSERT INTO accounts (name, balance) VALUES ($1, $2)";
    EXPECT_EQ(run(pool_->execute_many(std::string(insert), rows)), 2500U);
    EXPECT_EQ(value("SELECT sum(balance) FROM accounts WHERE name LIKE 'name %'"), "3123750");
    // All or nothing, whichever fails.
    for (auto& [name, balance] : rows)
        name = "other " + name;
    std::get<1>(rows.at(2222)) = std::nullopt;
    try {
        run(pool_->execute_many(std::string(insert), rows));
        ADD_FAILURE() << "no error";
    } catch (const db::Error& error) {
        EXPECT_EQ(error.sqlstate(), "23502");
    }
    EXPECT_EQ(value("SELECT count(*) FROM accounts WHERE name LIKE 'other %'"), "0");
}

TEST_P(Transactions, copy_rows_into_a_table) {
    execute(
        url_,
        "CREATE SCHEMA \"Odd one\"; CREATE TABLE \"Odd one\".\"a\"\"b\" (id int, \"x y\" text)");
    std::vector<std::tuple<int, std::optional<std::string>>> rows{
        {1, "tab\there"}, {2, "line\nend\r"}, {3, R"(back\slash \N \.)"}, {4, std::nullopt},
        {5, ""},          {6, "\\."},         {7, "Grüße, 世界"}};
    const auto text = std::string(200'000, 'x');
    for (int i = 8; i <= 30; ++i)
        rows.emplace_back(i, text);
    EXPECT_EQ(run(pool_->copy("Odd one.a\"b", {"id", "x y"}, rows)), rows.size());
    const auto stored = run(pool_->fetch_all<std::tuple_element_t<1, std::pair<int, Account>>>(
        "SELECT id::bigint, coalesce(\"x y\", '(null)') AS name, 0::bigint AS balance FROM \"Odd "
        "one\".\"a\"\"b\" ORDER BY id"));
    ASSERT_EQ(stored.size(), rows.size());
    for (std::size_t i = 0; i < rows.size(); ++i)
        EXPECT_EQ(stored[i].name, std::get<1>(rows[i]).value_or("(null)")) << i;
}

TEST_P(Transactions, copy_all_rows_or_none) {
    const std::vector<std::tuple<std::string, int>> rows{{"x", 1}, {"Ada", 2}};
    try {
        run(pool_->copy("accounts", {"name", "balance"}, rows));
        ADD_FAILURE() << "no error";
    } catch (const db::Error& error) {
        EXPECT_EQ(error.sqlstate(), "23505");
    }
    EXPECT_THROW(run(pool_->copy("accounts", {"name"}, rows)), std::invalid_argument);
    EXPECT_THROW(run(pool_->copy("nowhere", {"name", "balance"}, rows)), db::Error);
    const std::vector<std::tuple<std::string, int>> nul{{"x", 1}, {std::string("a\0b", 3), 2}};
    EXPECT_THROW(run(pool_->copy("accounts", {"name", "balance"}, nul)), db::InvalidData);
    EXPECT_EQ(balances(), "Ada 100, Grace 100");
    expect_no_open_transaction();
    EXPECT_EQ(run(pool_->copy("accounts", {"name"}, std::vector<std::tuple<std::string>>{})), 0U);
}

TEST_P(Transactions, take_many_parameters_and_large_ones) {
    const std::string large(3'000'000, 'y');
    run([&]() -> Task<> {
        co_await pool_->transaction([&](Transaction& transaction) -> Task<> {
            const auto echoed = co_await transaction.fetch_value<std::string>(
                "SELECT $1::text || $2::text", large, "!");
            EXPECT_EQ(echoed.size(), large.size() + 1);
        });
    }());
}

TEST_P(Transactions, wait_for_a_connection_no_longer_than_a_statement_may_take) {
    pool_.reset();
    const bool direct = GetParam() == Way::direct;
    pool_.emplace(db::PoolOptions{.url = direct ? url_ : pgbouncer_->url("app"),
                                  .size = 1,
                                  .query_timeout = 300ms,
                                  .prepare = direct});
    pool_->connect();
    const auto work = [&]() -> Task<> {
        co_await pool_->transaction([&](Transaction& transaction) -> Task<> {
            co_await transaction.fetch_value<int>("SELECT 1");
            bool late = false;
            try {
                co_await pool_->execute(add, "Ada", 1);
            } catch (const db::Unavailable& error) {
                late = error.reason() == db::Unavailable::Reason::timeout;
            }
            EXPECT_TRUE(late);
        });
    };
    run(work());
}

TEST_P(Transactions, end_a_statement_that_takes_too_long) {
    pool_.reset();
    const bool direct = GetParam() == Way::direct;
    pool_.emplace(db::PoolOptions{.url = direct ? url_ : pgbouncer_->url("app"),
                                  .size = 2,
                                  .query_timeout = 300ms,
                                  .prepare = direct});
    pool_->connect();
    const auto work = [&]() -> Task<> {
        co_await pool_->transaction([&](Transaction& transaction) -> Task<> {
            co_await transaction.execute(add, "Ada", 1);
            co_await transaction.execute("SELECT pg_sleep(60)");
        });
    };
    try {
        run(work());
        ADD_FAILURE() << "no error";
    } catch (const db::Unavailable& error) {
        EXPECT_EQ(error.reason(), db::Unavailable::Reason::timeout);
    }
    expect_no_open_transaction();
    EXPECT_EQ(balances(), "Ada 100, Grace 100");
}

}  // namespace
}  // namespace signalbox::test
