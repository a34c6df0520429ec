// Transfers between accounts, by 50 clients, over a PostgreSQL that fails in every way. In each
// case no money is lost or made, each transfer that was acknowledged is there, none twice, none
// that was refused, and afterwards all is well again.

#include "support/transfers.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstddef>
#include <fstream>
#include <optional>
#include <pqxx/pqxx>
#include <string>
#include <thread>
#include <vector>

#include "signalbox/db/pool.hpp"
#include "signalbox/db/pool_options.hpp"
#include "signalbox/testing/postgres.hpp"
#include "support/database_faults.hpp"
#include "support/eventually.hpp"
#include "support/pgbouncer.hpp"
#include "support/sanitized.hpp"
#include "support/tcp_proxy.hpp"

namespace signalbox::test {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::IsEmpty;

std::string make_database(PostgresServer& server) {
    execute(server.database_url(), "CREATE DATABASE app");
    std::string url = server.database_url("app");
    Transfers::create_tables(url);
    execute(url, "CHECKPOINT");
    return url;
}

PostgresOptions server_options() {
    // What was acknowledged is to outlive the server; and deadlocks are to be many and short.
    return {.tcp = true,
            .settings = {"max_connections=16", "synchronous_commit=on", "deadlock_timeout=20ms"}};
}

class TransferFailure : public testing::TestWithParam<Way> {
  protected:
    TransferFailure() {
        if (GetParam() == Way::pooled) pgbouncer_.emplace(server_, 4);
    }

    bool direct() const { return GetParam() == Way::direct; }
    std::string way_to_it() const { return direct() ? url_ : pgbouncer_->url("app"); }
    std::string tcp_way_to_it() const {
        return direct() ? server_.tcp_url("app") : pgbouncer_->url("app");
    }
    static int port_of(const std::string& tcp_url) {
        const auto colon = tcp_url.rfind(':');
        return std::stoi(tcp_url.substr(colon + 1));
    }

    db::PoolOptions options(const std::string& url) const {
        return {.url = url,
                .application_name = "signalbox",
                .size = 5,
                .query_timeout = 2s,
                .prepare = direct()};
    }

    void serve(const db::PoolOptions& options, const Transfers::Options& load = {}) {
        pool_.emplace(options);
        pool_->connect();
        transfers_.emplace(*pool_, load);
        ASSERT_TRUE(eventually([&] { return transfers_->counts().done > 100; }, 60s))
            << testing::PrintToString(transfers_->counts().wrong);
    }
    void serve(const std::string& url) { serve(options(url)); }

    void expect_failures() {
        const auto failed = [this] {
            const Transfers::Counts counts = transfers_->counts();
            return counts.refused + counts.unknown;
        };
        const long before = failed();
        EXPECT_TRUE(eventually([&] { return failed() > before + 20; }));
        EXPECT_TRUE(eventually([&] { return !pool_->reachable(); }));
    }

    void expect_recovery(const std::vector<std::string>& urls) {
        EXPECT_TRUE(eventually([&] { return pool_->reachable(); }));
        EXPECT_TRUE(eventually([&] { return transfers_->counts().failing == 0; }));
        EXPECT_TRUE(eventually(
            [this] {
                const Transfers::Counts before = transfers_->counts();
                const bool goes_on =
                    eventually([&] { return transfers_->counts().done > before.done + 200; });
                const Transfers::Counts after = transfers_->counts();
                return goes_on && after.refused == before.refused &&
                       after.unknown == before.unknown;
            },
            60s))
            << "it is back, and still transfers fail";
        expect_that_all_is_right(urls);
    }
    void expect_recovery() { expect_recovery({url_}); }

    void expect_that_all_is_right(const std::vector<std::string>& urls) {
        const Transfers::Counts counts = transfers_->stop();
        RecordProperty("done", static_cast<int>(counts.done));
        RecordProperty("refused", static_cast<int>(counts.refused));
        RecordProperty("unknown", static_cast<int>(counts.unknown));
        RecordProperty("given_up", static_cast<int>(counts.given_up));
        EXPECT_THAT(counts.wrong, IsEmpty());
        EXPECT_TRUE(eventually([&] {
            const auto usage = pool_->usage();
            return usage.transactions == 0 && usage.used == 0 && usage.waiting == 0;
        })) << pool_->usage().transactions
            << " transactions, " << pool_->usage().used << " used, " << pool_->usage().waiting
            << " waiting";
        for (const std::string& url : urls) {
            EXPECT_TRUE(eventually([&] { return open_transactions(url) == "0"; }))
                << open_transactions(url);
        }
        EXPECT_THAT(transfers_->mistakes(urls), IsEmpty());
    }

    /// But for those in which the pool asks whether the server is there.
    static std::string open_transactions(const std::string& url) {
        return query_value(
            url,
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND "
            "backend_type = 'client backend' AND xact_start IS NOT NULL AND query <> 'SELECT 1' "
            "AND pid <> pg_backend_pid()");
    }

    PostgresServer server_{server_options()};
    const std::string url_ = make_database(server_);
    std::optional<PgBouncer> pgbouncer_;
    std::optional<db::Pool> pool_;
    std::optional<Transfers> transfers_;
};

INSTANTIATE_TEST_SUITE_P(Directly, TransferFailure, testing::Values(Way::direct));
INSTANTIATE_TEST_SUITE_P(BehindPgBouncer, TransferFailure, testing::Values(Way::pooled));

TEST_P(TransferFailure, killed_and_restarted) {
    serve(way_to_it());
    server_.kill();
    expect_failures();
    server_.start();
    expect_recovery();
}

TEST_P(TransferFailure, stopped_and_restarted) {
    serve(tcp_way_to_it());
    server_.stop();
    expect_failures();
    server_.start();
    expect_recovery();
}

TEST_P(TransferFailure, frozen_for_20_seconds) {
    serve(way_to_it());
    const auto frozen = std::chrono::steady_clock::now();
    freeze(server_);
    expect_failures();
    std::this_thread::sleep_until(frozen + 20s);
    thaw(server_);
    expect_recovery();
}

TEST_P(TransferFailure, frozen_while_every_connection_is_busy) {
    serve(way_to_it());
    execute(url_,
            "CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM "
            "pg_advisory_xact_lock_shared(1); RETURN NULL; END $$;"
            // It waits in the COMMIT.
            "CREATE CONSTRAINT TRIGGER wait AFTER INSERT ON journal DEFERRABLE INITIALLY DEFERRED "
            "FOR EACH ROW EXECUTE FUNCTION wait()");
    pqxx::connection other(url_);
    pqxx::work holder(other);
    holder.exec("SELECT pg_advisory_xact_lock(1)");
    EXPECT_TRUE(eventually([&] {
        return query_value(url_,
                           "SELECT count(*) > 0 FROM pg_stat_activity WHERE query = 'COMMIT' AND "
                           "wait_event = 'advisory'") == "t";
    }));
    freeze(server_);
    expect_failures();
    thaw(server_);
    holder.abort();
    expect_recovery();
    EXPECT_GT(transfers_->counts().unknown, 0) << "a COMMIT was under way";
}

TEST_P(TransferFailure, every_session_ended_again_and_again) {
    serve(way_to_it());
    for (int i = 0; i < 20; ++i) {
        const long before = transfers_->counts().done;
        end_all_sessions(url_);
        EXPECT_TRUE(eventually([&] { return transfers_->counts().done > before + 50; }));
    }
    expect_recovery();
}

TEST_P(TransferFailure, network_cut_without_a_reset) {
    TcpProxy network(port_of(tcp_way_to_it()));
    serve("postgresql://postgres@127.0.0.1:" + std::to_string(network.port()) + "/app");
    network.cut();
    expect_failures();
    network.mend();
    expect_recovery();
    pool_->disconnect();
}

TEST_P(TransferFailure, network_cut_by_what_forgets_all_connections) {
    TcpProxy network(port_of(tcp_way_to_it()));
    serve("postgresql://postgres@127.0.0.1:" + std::to_string(network.port()) + "/app");
    network.cut();
    expect_failures();
    network.mend_and_forget();
    expect_recovery();
    pool_->disconnect();
}

TEST_P(TransferFailure, others_have_taken_all_its_connections) {
    serve(way_to_it());
    // PgBouncer was asked by way of another database whether it is up, and keeps that session.
    const std::size_t for_others = direct() ? 16 : 15;
    auto others = take_all_connections(url_, for_others);
    EXPECT_EQ(others.size(), for_others);
    expect_failures();
    others.clear();
    expect_recovery();
}

TEST_P(TransferFailure, failed_over_to_the_second_server_of_the_url) {
    if (!direct()) GTEST_SKIP() << "PgBouncer looks for no other server";
    PostgresServer second(server_options());
    const std::string second_url = make_database(second);
    execute(second_url, "ALTER SYSTEM SET default_transaction_read_only = on");
    execute(second_url, "SELECT pg_reload_conf()");
    serve("postgresql://postgres@127.0.0.1:" + std::to_string(server_.tcp_port()) + ",127.0.0.1:" +
          std::to_string(second.tcp_port()) + "/app?target_session_attrs=read-write");
    server_.kill();
    expect_failures();
    execute(second_url, "ALTER SYSTEM SET default_transaction_read_only = off");
    execute(second_url, "SELECT pg_reload_conf()");
    EXPECT_TRUE(eventually(
        [&] { return query_value(second_url, "SELECT count(*) > 0 FROM journal") == "t"; }));
    server_.start();
    // Nothing is replicated: what was done is in one of them.
    expect_recovery({url_, second_url});
    pool_->disconnect();
}

TEST_P(TransferFailure, password_rotated_through_the_file) {
    if (!direct()) GTEST_SKIP() << "it is PgBouncer's password then";
    const auto url_with = [&](const std::string& password) {
        return "postgresql://app:" + password +
               "@/app?host=" + server_.socket_directory().string() +
               "&port=" + std::to_string(server_.tcp_port());
    };
    execute(url_, "CREATE ROLE app SUPERUSER LOGIN PASSWORD 'old-secret'");
    std::ofstream(server_.socket_directory() / "data" / "pg_hba.conf")
        << "local all app scram-sha-256\nlocal all all trust\n";
    execute(url_, "SELECT pg_reload_conf()");
    const SecretFile secret;
    secret.write(url_with("old-secret"));
    auto with_file = options(url_with("old-secret"));
    with_file.url_file = secret.path();
    serve(with_file);
    execute(url_, "ALTER ROLE app PASSWORD 'new-secret'");
    end_all_sessions(url_);
    expect_failures();
    secret.write(url_with("new-secret"));
    expect_recovery();
    pool_->disconnect();
}

TEST_P(TransferFailure, pooler_restarted) {
    if (direct()) GTEST_SKIP() << "there is none";
    serve(way_to_it());
    pgbouncer_->stop();
    expect_failures();
    pgbouncer_->start();
    expect_recovery();
}

TEST_P(TransferFailure, would_be_noticed) {
    serve(way_to_it());
    expect_that_all_is_right({url_});
    execute(url_, "UPDATE accounts SET balance = balance + 1 WHERE id = 1");
    EXPECT_THAT(transfers_->mistakes({url_}),
                ElementsAre("the sum is 10001", "1 balances are not those of the journal"));
    execute(url_,
            "UPDATE accounts SET balance = balance - 1 WHERE id = 1;"
            "CREATE TABLE chosen AS SELECT * FROM journal ORDER BY id LIMIT 3;"
            "UPDATE journal SET amount = 0 WHERE id IN (SELECT id FROM chosen);"
            "UPDATE accounts SET balance = 1000 + (SELECT coalesce(sum(amount), 0) FROM journal "
            "WHERE target = accounts.id) - (SELECT coalesce(sum(amount), 0) FROM journal WHERE "
            "source = accounts.id)");
    EXPECT_THAT(transfers_->mistakes({url_}), IsEmpty());
    const std::string id = query_value(url_, "SELECT min(id) FROM chosen");
    execute(url_, "INSERT INTO journal SELECT * FROM journal WHERE id = " + id);
    EXPECT_THAT(transfers_->mistakes({url_}),
                ElementsAre("transfer " + id + " is there several times"));
    execute(url_,
            "DELETE FROM journal WHERE id = " + id + "; INSERT INTO journal VALUES (-1, 1, 2, 0)");
    EXPECT_THAT(
        transfers_->mistakes({url_}),
        ElementsAre("transfer " + id + " was done and is not there", "nobody made transfer -1"));
}

/// Nothing fails, but everything happens all the time.
class TransferLoad : public TransferFailure {
  protected:
    void run_until_done(const db::PoolOptions& options, const Transfers::Options& load) {
        serve(options, load);
        // Three such tests at once have taken a minute on two busy cores.
        EXPECT_TRUE(eventually([&] { return transfers_->counts().done > 1000; }, 180s));
        expect_that_all_is_right({url_});
    }
};

INSTANTIATE_TEST_SUITE_P(Directly, TransferLoad, testing::Values(Way::direct));
INSTANTIATE_TEST_SUITE_P(BehindPgBouncer, TransferLoad, testing::Values(Way::pooled));

TEST_P(TransferLoad, of_two_event_loops) {
    run_until_done(options(way_to_it()), {.loops = 2});
    EXPECT_EQ(transfers_->counts().unknown, 0);
    // A session counts what it met a while later, or at its end.
    EXPECT_TRUE(eventually([&] {
        return query_value(url_,
                           "SELECT deadlocks > 0 FROM pg_stat_database WHERE datname = "
                           "current_database()") == "t";
    })) << "no two of them met as they were to";
}

TEST_P(TransferLoad, on_a_pool_of_one_connection) {
    auto small = options(way_to_it());
    small.size = 1;
    run_until_done(small, {.loops = 2});
    EXPECT_EQ(transfers_->counts().unknown, 0);
}

TEST_P(TransferLoad, on_a_pool_of_two_connections) {
    auto small = options(way_to_it());
    small.size = 2;
    run_until_done(small, {.loops = 2});
    EXPECT_EQ(transfers_->counts().unknown, 0);
}

TEST_P(TransferLoad, of_clients_that_give_up) {
    serve(options(way_to_it()), {.loops = 2, .patience = sanitized ? 1s : 60ms});
    // How many do depends on how fast the machine is.
    EXPECT_TRUE(eventually(
        [&] {
            const auto counts = transfers_->counts();
            return counts.done > 500 && counts.given_up > 100;
        },
        180s));
    expect_that_all_is_right({url_});
}

TEST_P(TransferLoad, of_clients_that_give_up_while_sessions_end) {
    serve(options(way_to_it()), {.loops = 2, .patience = sanitized ? 1s : 100ms});
    for (int i = 0; i < 20; ++i) {
        const long before = transfers_->counts().done;
        end_all_sessions(url_);
        EXPECT_TRUE(eventually([&] {
            if (pgbouncer_) pgbouncer_->start_if_it_ended();
            return transfers_->counts().done > before + 20;
        }));
    }
    expect_that_all_is_right({url_});
}

TEST_P(TransferLoad, on_connections_that_live_for_a_second) {
    auto short_lived = options(way_to_it());
    short_lived.max_lifetime = 1s;
    serve(short_lived, {.loops = 2});
    const auto began = std::chrono::steady_clock::now();
    EXPECT_TRUE(eventually([&] { return std::chrono::steady_clock::now() > began + 5s; }));
    expect_that_all_is_right({url_});
    const Transfers::Counts counts = transfers_->counts();
    EXPECT_EQ(counts.unknown, 0);
}

TEST_P(TransferLoad, when_the_pool_is_disconnected) {
    serve(options(way_to_it()), {.loops = 2});
    pool_->disconnect();
    const long refused = transfers_->counts().refused;
    EXPECT_TRUE(eventually([&] { return transfers_->counts().refused > refused + 50; }));
    expect_that_all_is_right({url_});
    EXPECT_EQ(transfers_->counts().unknown, 0) << "those that had a connection were waited for";
}

}  // namespace
}  // namespace signalbox::test
