// Who has to go when clients hold too much: first the rule alone, then a server with responses that
// are not taken. The limit of the binary is half a gigabyte; here it is small.

#include "signalbox/http/server/memory_budget.hpp"

#include <asio/io_context.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <deque>
#include <numeric>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "signalbox/http/server/server.hpp"
#include "support/http_client.hpp"
#include "support/raw_message.hpp"

namespace signalbox::http {
namespace {

using namespace std::chrono_literals;
using test::RawClient;
using testing::Each;
using testing::ElementsAre;

constexpr std::size_t limit = 1'000'000;

struct MemoryBudgetTest : testing::Test {
    asio::io_context loop;
    asio::io_context other_loop;
    MemoryBudget budget{limit, 2};
    const MemoryBudget::Clock::time_point start = MemoryBudget::Clock::now();

    struct Holder final : BufferHolder {
        Holder(MemoryBudgetTest& of, asio::io_context& its) : test(of), context(its) {}
        ~Holder() override { leave(); }
        asio::io_context& loop() noexcept override { return context; }
        bool evictable_at_once() const noexcept override { return at_once; }
        void give_way() noexcept override {
            ++evictions;
            leave();
        }
        HeldBytes& of_loop() { return test.budget.of_loop(&context == &test.loop ? 0 : 1); }
        /// Since so long, from the start.
        void hold(std::size_t bytes, std::uint64_t moved, std::chrono::milliseconds ago = 0ms,
                  std::string_view shared = {}) {
            of_loop().requests.add(bytes - std::exchange(held, bytes));
            test.budget.hold(
                *this, {.bytes = bytes, .body = shared, .moved = moved, .now = test.start - ago});
        }
        void leave() noexcept {
            of_loop().requests.add(-std::exchange(held, 0));
            test.budget.release(*this);
        }

        MemoryBudgetTest& test;
        asio::io_context& context;
        bool at_once = true;
        std::size_t held = 0;
        int evictions = 0;
    };
    std::deque<Holder> holders;

    Holder& add() { return holders.emplace_back(*this, loop); }
    std::vector<int> evictions() const {
        std::vector<int> all;
        for (const Holder& holder : holders)
            all.push_back(holder.evictions);
        return all;
    }
};

TEST_F(MemoryBudgetTest, evicts_who_moved_the_fewest_bytes_in_a_second) {
    add().hold(300'000, 300'000, 10s);   // 30,000 a second
    add().hold(300'000, 300'000, 100s);  // 3,000, a burst long ago
    add().hold(300'000, 3'000'000, 50s);
    EXPECT_THAT(evictions(), ElementsAre(0, 0, 0));
    add().hold(300'000, 300'000);
    EXPECT_THAT(evictions(), ElementsAre(0, 1, 0, 0));
    EXPECT_LE(budget.bytes(), limit);
}

TEST_F(MemoryBudgetTest, spares_who_has_just_come_when_others_have_long_waited) {
    for (int i = 0; i < 3; ++i)
        add().hold(300'000, 300'000, 2s);  // 150,000 a second
    add().hold(50'000, 50'000, 100ms);
    EXPECT_THAT(evictions(), Each(0));
    add().hold(90'000, 1000);  // its first bytes
    EXPECT_THAT(evictions(), ElementsAre(1, 0, 0, 0, 0));
}

TEST_F(MemoryBudgetTest, evicts_neither_who_holds_little_nor_a_large_upload_that_is_quick) {
    for (int i = 0; i < 10; ++i)
        add().hold(1000, 10, 1h);  // of those a hundred would have to go
    add().hold(400'000, 400'000, 60s);
    add().hold(400'000, 400'000, 30s);
    add().hold(700'000, 100'000'000, 60s);
    EXPECT_THAT(evictions(), ElementsAre(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 0));
}

TEST_F(MemoryBudgetTest, evicts_hoarders_though_each_of_them_holds_less_than_the_average) {
    for (int i = 0; i < 5; ++i)
        add().hold(100'000, 100'000, 100s);
    add().hold(400'000, 40'000'000, 10s);
    EXPECT_THAT(evictions(), Each(0));
    add().hold(150'000, 150'000);
    EXPECT_THAT(evictions(), ElementsAre(1, 1, 0, 0, 0, 0, 0));
}

TEST_F(MemoryBudgetTest, knows_what_was_moved_since_by_one_that_holds_as_much) {
    Holder& quick = add();
    quick.hold(500'000, 0, 100s);
    add().hold(300'000, 300'000, 100s);
    MemoryBudget::progress(quick, 50'000'000);
    add().hold(300'000, 300'000);
    EXPECT_THAT(evictions(), ElementsAre(0, 1, 0));
}

TEST_F(MemoryBudgetTest, evicts_many_who_hold_little_when_all_do) {
    for (int i = 0; i < 100; ++i)
        add().hold(10'000, 100, std::chrono::seconds(200 - i));
    EXPECT_THAT(evictions(), Each(0));
    add().hold(10'000, 100);
    const auto gone = evictions();
    const auto count = std::accumulate(gone.begin(), gone.end(), 0);
    EXPECT_GE(count, 1);
    EXPECT_LE(count, 8) << "a sixteenth of the limit at a time";
    for (int i = 0; i < count; ++i)
        EXPECT_EQ(gone[static_cast<std::size_t>(i)], 1) << "the first to have come is the slowest";
}

TEST_F(MemoryBudgetTest, evicts_those_of_other_loops_on_those) {
    Holder& there = holders.emplace_back(*this, other_loop);
    there.hold(600'000, 0, 1h);
    add().hold(600'000, 600'000);
    EXPECT_THAT(evictions(), ElementsAre(0, 0));
    EXPECT_GT(budget.bytes(), limit);
    add().hold(1000, 1000);
    EXPECT_THAT(evictions(), ElementsAre(0, 0, 0)) << "one is on its way already";
    other_loop.poll();
    EXPECT_THAT(evictions(), ElementsAre(1, 0, 0));
}

TEST_F(MemoryBudgetTest, spares_one_that_has_given_its_memory_back_before_its_turn) {
    Holder& there = holders.emplace_back(*this, other_loop);
    there.hold(600'000, 0, 1h);
    add().hold(600'000, 600'000);
    there.leave();
    there.hold(10'000, 10'000);
    other_loop.poll();
    EXPECT_THAT(evictions(), ElementsAre(0, 0));
}

TEST_F(MemoryBudgetTest, evicts_the_one_that_asks_in_a_later_turn) {
    add().hold(900'000, 100'000'000, 1s);
    Holder& slow = add();
    slow.hold(50'000, 50'000, 100s);
    slow.hold(2'000'000, 2'000'000);
    EXPECT_EQ(slow.evictions, 0) << "it is on the stack";
    loop.poll();
    EXPECT_EQ(slow.evictions, 1);
    EXPECT_EQ(holders.front().evictions, 0);
}

TEST_F(MemoryBudgetTest, counts_a_shared_body_once) {
    const std::string body(400'000, 'x');
    for (int i = 0; i < 100; ++i)
        add().hold(1000, 0, 1s, body);
    EXPECT_EQ(budget.bytes(), 500'000U);
    EXPECT_THAT(evictions(), Each(0));
    for (Holder& holder : holders)
        holder.leave();
    EXPECT_EQ(budget.bytes(), 0U);
}

TEST_F(MemoryBudgetTest, says_what_does_not_fit_and_evicts_for_what_does) {
    add().hold(800'000, 100, 10s);
    EXPECT_TRUE(budget.fits(loop, nullptr, 100'000));
    EXPECT_FALSE(budget.fits(loop, nullptr, limit + 1));
    EXPECT_THAT(evictions(), ElementsAre(0)) << "nobody goes for what never fits";
    EXPECT_TRUE(budget.fits(loop, nullptr, 500'000));
    EXPECT_THAT(evictions(), ElementsAre(1));
    budget.of_loop(0).requests.add(limit);  // of requests that are handled: nobody can go for it
    EXPECT_FALSE(budget.fits(loop, nullptr, 1));
    budget.of_loop(0).requests.add(-limit);
}

/// Far more than the kernel takes for a client with a small receive buffer.
constexpr std::size_t body_size = 1024 * 1024;
constexpr std::size_t fit = 7;  // with their heads, and what the kernel has of each
constexpr std::size_t limit_of_server = (fit + 2) * body_size;
constexpr int small_buffer = 4096;

Response text(std::size_t size) {
    return {.content_type = "text/plain", .body = std::string(size, 'x')};
}

async::Task<Response> large(Request&) {
    co_return text(body_size);
}

async::Task<Response> too_large(Request&) {
    co_return text(limit_of_server + 1);
}

struct UnsentResponses : testing::TestWithParam<std::size_t> {
    Server server{{.workers = GetParam(), .limit_buffered = limit_of_server},
                  {{"GET", "/large", large}, {"GET", "/too-large", too_large}}};
    /// Connections that do nothing, as many as there are workers less one for each of the others:
    /// the server deals connections out in turn, so all of the others are on one loop.
    std::deque<RawClient> idle{};

    void SetUp() override { server.listen(); }

    /// On the same loop as all others that come from here.
    RawClient connect() {
        RawClient client(server.port(), small_buffer);
        for (std::size_t i = 1; i < GetParam(); ++i)
            idle.emplace_back(server.port(), small_buffer);
        return client;
    }

    /// Asks for a response and takes no more of it than its head.
    static void stall(RawClient& client, const std::string& path = "/large") {
        client.send("GET " + path + " HTTP/1.1\r\nHost: test\r\n\r\n");
        client.read_until("\r\n\r\n");
    }

    /// Returns how many were, of those that were there and those that are added.
    std::size_t stall_until_one_is_cut(std::deque<RawClient>& clients) {
        const auto cut = [this] { return server.cut(Cut::limit_buffered); };
        for (std::size_t i = 0; i < fit && cut() == 0; ++i) {
            clients.push_back(connect());
            stall(clients.back());
            std::this_thread::sleep_for(20ms);  // those of another loop go in its next turn
        }
        return cut();
    }

    std::deque<RawClient> stalled_clients(std::size_t count) {
        std::deque<RawClient> clients;
        for (std::size_t i = 0; i < count; ++i) {
            clients.push_back(connect());
            stall(clients.back());
        }
        return clients;
    }
};
INSTANTIATE_TEST_SUITE_P(one_and_two_workers, UnsentResponses, testing::Values(1, 2));

/// Takes what is left of its body; false when the server closes before the end.
bool gets_the_rest(RawClient& client, std::size_t taken = 0) {
    while (taken < body_size) {
        try {
            const std::string more = client.read_some();
            if (more.empty()) return false;
            taken += more.size();
        } catch (const std::system_error&) {
            return false;  // a reset, so that the kernel keeps nothing of it
        }
    }
    return taken == body_size;
}

std::size_t count_whole(std::deque<RawClient>& clients) {
    return static_cast<std::size_t>(std::count_if(
        clients.begin(), clients.end(), [](RawClient& client) { return gets_the_rest(client); }));
}

TEST_P(UnsentResponses, cut_slower_clients_whichever_loop_they_are_on) {
    auto clients = stalled_clients(fit);
    // With two workers it is on the other loop, where nobody else waits.
    clients.push_back(GetParam() == 1 ? connect() : std::move(idle.front()));
    stall(clients.back());
    const std::size_t cut = stall_until_one_is_cut(clients);
    ASSERT_LT(cut, clients.size() / 2);
    EXPECT_EQ(count_whole(clients), clients.size() - cut);
}

TEST_P(UnsentResponses, cut_no_client_that_has_just_taken_something) {
    auto clients = stalled_clients(fit);
    RawClient& first = clients.front();
    std::size_t taken = 0;
    while (taken < body_size / 2) {
        taken += first.read_some().size();
        std::this_thread::sleep_for(1ms);  // slowly, so that the others have all come to a halt
    }
    const std::size_t cut = stall_until_one_is_cut(clients);
    ASSERT_LT(cut, clients.size() / 2);
    EXPECT_TRUE(gets_the_rest(first, taken));
    clients.pop_front();
    EXPECT_EQ(count_whole(clients), clients.size() - cut);
}

TEST_P(UnsentResponses, make_no_room_for_one_that_is_too_large_by_itself) {
    auto clients = stalled_clients(fit);
    RawClient greedy = connect();
    greedy.send("GET /too-large HTTP/1.1\r\nHost: test\r\n\r\n");
    EXPECT_EQ(test::status_of(greedy.read_response()), 500) << "before its first byte";
    EXPECT_EQ(count_whole(clients), fit);
}

TEST_P(UnsentResponses, leave_nothing_behind_when_they_are_taken_or_their_client_is_gone) {
    RawClient client = connect();
    for (std::size_t i = 0; i < 2 * fit; ++i) {
        stall(client);
        EXPECT_TRUE(gets_the_rest(client));
        RawClient leaving = connect();
        stall(leaving);
        if (i % 2 == 0) leaving.reset_on_close();
    }
    auto clients = stalled_clients(fit);
    EXPECT_EQ(count_whole(clients), fit);
}

}  // namespace
}  // namespace signalbox::http
