#include "signalbox/http/server/dealer.hpp"

#include <asio/io_context.hpp>
#include <asio/post.hpp>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <deque>
#include <future>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "signalbox/http/server/server.hpp"
#include "support/eventually.hpp"
#include "support/http_client.hpp"
#include "support/raw_message.hpp"
#include "support/socket_pair.hpp"

namespace signalbox::http {
namespace {

using namespace std::chrono_literals;
using test::eventually;
using test::get_bytes;
using test::RawClient;
using test::SocketPair;
using testing::ElementsAre;

async::Task<Response> name_of_loop(Request&) {
    co_return json({{"loop", std::string_view(async::EventLoop::current()->name())}});
}

/// Keeps a loop from turning for as long as it lives.
class Blocked {
  public:
    explicit Blocked(async::EventLoop& loop) {
        std::promise<void> begun;
        asio::post(loop.context(), [&begun, until = release_.get_future().share()] {
            begun.set_value();
            until.wait();
        });
        begun.get_future().wait();
    }
    ~Blocked() { release_.set_value(); }
    Blocked(const Blocked&) = delete;
    Blocked& operator=(const Blocked&) = delete;

  private:
    std::promise<void> release_;
};

/// Workers and a dealer whose own loop is the thread of the test.
struct DealerTest : testing::Test {
    std::vector<async::EventLoop*> loops;
    std::unique_ptr<ServerContext> context;
    std::vector<std::unique_ptr<Worker>> workers;
    asio::io_context own_loop;
    std::unique_ptr<Dealer> dealer;
    std::deque<SocketPair> clients;

    void start(std::size_t count) {
        // NOLINTNEXTLINE(modernize-make-unique): an aggregate that cannot be moved
        context.reset(new ServerContext{.options = {.workers = count},
                                        .router = Router({{"GET", "/loop", name_of_loop}}),
                                        .make_observer = [this](async::EventLoop& loop) {
                                            loops.push_back(&loop);
                                            return observe_nothing(loop);
                                        }});
        for (std::size_t i = 0; i < count; ++i)
            workers.push_back(std::make_unique<Worker>(*context, i));
        dealer = std::make_unique<Dealer>(own_loop, workers);
    }

    /// Deals a new connection out. Returns whose it is.
    std::size_t deal() {
        const auto before = connections();
        ++context->open_connections;
        dealer->deal(
            {.socket = clients.emplace_back().release_server(), .peer_address = "192.0.2.1"});
        const auto after = connections();
        for (std::size_t i = 0; i < workers.size(); ++i) {
            if (after[i] != before[i]) return i;
        }
        ADD_FAILURE() << "it is nobody's";
        return 0;
    }
    std::vector<std::size_t> connections() const {
        std::vector<std::size_t> all;
        for (const auto& worker : workers)
            all.push_back(worker->connections());
        return all;
    }

    static bool is_blocked(const Worker& worker) {
        return worker.loop().since_turn() >= Dealer::blocked_after;
    }
    /// Each of its loops has turned lately, as on a machine that is not busy they always have.
    bool all_turn() const {
        return std::none_of(workers.begin(), workers.end(), [](const auto& worker) {
            return worker->loop().since_turn() > Dealer::blocked_after / 2;
        });
    }
    void wait_until_all_turn() const {
        ASSERT_TRUE(eventually([&] { return all_turn(); }));
    }

    /// The worker that answers it; empty when it has closed.
    static std::string loop_that_answers(SocketPair& client) {
        client.send(get_bytes("/loop"));
        std::string answer;
        EXPECT_TRUE(eventually([&] {
            const auto more = client.receive();
            answer += more.value_or("");
            return !more || answer.ends_with("}");
        }));
        return std::string(test::body_of(answer));
    }
};

TEST_F(DealerTest, gives_each_worker_as_many) {
    start(3);
    for (int i = 0; i < 99; ++i) {
        wait_until_all_turn();
        deal();
    }
    EXPECT_THAT(connections(), ElementsAre(33, 33, 33));
    std::map<std::string, int> answers;
    for (SocketPair& client : clients)
        ++answers[loop_that_answers(client)];
    EXPECT_THAT(answers, ElementsAre(std::pair(R"({"loop":"http-loop-0"})", 33),
                                     std::pair(R"({"loop":"http-loop-1"})", 33),
                                     std::pair(R"({"loop":"http-loop-2"})", 33)));
}

TEST_F(DealerTest, gives_to_the_worker_that_has_lost_some) {
    start(2);
    std::vector<std::size_t> whose;
    for (int i = 0; i < 20; ++i) {
        wait_until_all_turn();
        whose.push_back(deal());
    }
    EXPECT_THAT(connections(), ElementsAre(10, 10));
    for (std::size_t i = 0; i < whose.size(); ++i) {
        if (whose[i] == 0) clients[i].close();
    }
    ASSERT_TRUE(eventually([&] { return workers[0]->connections() == 0; }));
    for (int i = 0; i < 10; ++i) {
        wait_until_all_turn();
        EXPECT_EQ(deal(), 0U);
    }
    EXPECT_THAT(connections(), ElementsAre(10, 10));
    wait_until_all_turn();
    EXPECT_NE(deal(), deal());
}

TEST_F(DealerTest, passes_over_a_worker_whose_loop_does_not_turn) {
    start(2);
    {
        const Blocked blocked(*loops[0]);
        ASSERT_TRUE(eventually([&] { return is_blocked(*workers[0]); }));
        for (int i = 0; i < 10; ++i) {
            ASSERT_TRUE(eventually([&] { return !is_blocked(*workers[1]); }));
            EXPECT_EQ(deal(), 1U);
        }
        EXPECT_EQ(loop_that_answers(clients.back()), R"({"loop":"http-loop-1"})");
    }
    wait_until_all_turn();
    EXPECT_EQ(deal(), 0U) << "it is fewer now";
}

TEST_F(DealerTest, gives_to_another_what_a_blocked_loop_has_not_taken) {
    start(2);
    const Blocked blocked(*loops[0]);
    for (int i = 0; i < 10; ++i)
        deal();
    EXPECT_TRUE(eventually([&] {
        own_loop.restart();
        own_loop.run_for(10ms);
        return connections() == std::vector<std::size_t>{0, 10};
    }));
    for (SocketPair& client : clients)
        EXPECT_EQ(loop_that_answers(client), R"({"loop":"http-loop-1"})");
    EXPECT_FALSE(workers[0]->has_untaken());
    EXPECT_EQ(context->open_connections, 10U);
}

TEST_F(DealerTest, leaves_with_a_blocked_loop_what_it_has_taken) {
    start(2);
    std::vector<std::size_t> whose;
    for (int i = 0; i < 4; ++i) {
        wait_until_all_turn();
        whose.push_back(deal());
    }
    for (SocketPair& client : clients)
        EXPECT_NE(loop_that_answers(client), "");
    const auto first =
        static_cast<std::size_t>(std::find(whose.begin(), whose.end(), 0U) - whose.begin());
    ASSERT_LT(first, whose.size());
    {
        const Blocked blocked(*loops[0]);
        ASSERT_TRUE(eventually([&] { return is_blocked(*workers[0]); }));
        deal();
        own_loop.run_for(500ms);  // checks as often as it likes
        EXPECT_THAT(connections(), ElementsAre(2, 3));
    }
    EXPECT_EQ(loop_that_answers(clients[first]), R"({"loop":"http-loop-0"})");
}

TEST_F(DealerTest, leaves_all_where_they_are_when_no_loop_turns) {
    start(2);
    {
        const Blocked first(*loops[0]);
        const Blocked second(*loops[1]);
        ASSERT_TRUE(eventually([&] { return is_blocked(*workers[0]) && is_blocked(*workers[1]); }));
        for (int i = 0; i < 10; ++i)
            deal();
        own_loop.run_for(500ms);
        EXPECT_THAT(connections(), ElementsAre(5, 5));
    }
    std::map<std::string, int> answers;
    for (SocketPair& client : clients)
        ++answers[loop_that_answers(client)];
    EXPECT_EQ(answers.size(), 2U);
}

TEST_F(DealerTest, does_not_look_any_more_when_all_is_taken) {
    start(2);
    for (int i = 0; i < 4; ++i)
        deal();
    own_loop.run_for(20s);
    EXPECT_TRUE(own_loop.stopped()) << "nothing is left that it waits for";
    EXPECT_FALSE(workers[0]->has_untaken() || workers[1]->has_untaken());
    deal();
    own_loop.restart();
    EXPECT_GT(own_loop.run_for(20s), 0U) << "it looks again after the next";
    EXPECT_TRUE(own_loop.stopped());
}

TEST_F(DealerTest, has_nothing_to_look_after_with_one_worker) {
    start(1);
    const Blocked blocked(*loops[0]);
    for (int i = 0; i < 4; ++i)
        deal();
    EXPECT_EQ(own_loop.run(), 0U);
    EXPECT_THAT(connections(), ElementsAre(4));
}

TEST_F(DealerTest, turns_away_what_a_worker_cannot_take) {
    // A worker's loop cannot watch a file, as it could not watch one socket too many.
    start(2);
    for (async::EventLoop* loop : loops)
        const Blocked begun(*loop);  // a thread that begins may have a file open
    const std::size_t before = test::open_descriptors();
    for (int i = 0; i < 10; ++i) {
        ++context->open_connections;
        dealer->deal({.socket = ::open("/proc/self/exe", O_RDONLY | O_CLOEXEC),
                      .peer_address = "192.0.2.1"});
    }
    EXPECT_TRUE(eventually([&] { return context->open_connections == 0; }));
    EXPECT_EQ(context->rejected_without_resources, 10U);
    EXPECT_THAT(connections(), ElementsAre(0, 0));
    EXPECT_EQ(test::open_descriptors(), before);
    deal();
    EXPECT_NE(loop_that_answers(clients.back()), "");
}

/// For both ends of a thousand connections.
void raise_descriptor_limit() {
    rlimit limit{};
    ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &limit), 0);
    limit.rlim_cur = std::min<rlim_t>(limit.rlim_max, 4096);
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &limit), 0);
    ASSERT_GE(limit.rlim_cur, 2500U);
}

TEST(ServerDeals, a_thousand_connections_out_to_two_workers_in_halves) {
    raise_descriptor_limit();
    Server server({.workers = 2}, {{"GET", "/loop", name_of_loop}});
    server.listen();
    std::map<std::string, std::size_t> answers;
    std::deque<RawClient> clients;
    for (int i = 0; i < 1000; ++i) {
        RawClient& client = clients.emplace_back(server.port());
        client.send(get_bytes("/loop"));
        ++answers[std::string(test::body_of(client.read_response()))];
    }
    EXPECT_EQ(answers.size(), 2U);
    for (const auto& [loop, count] : answers) {
        EXPECT_GE(count, 450U) << loop;
        EXPECT_LE(count, 550U) << loop;
    }
}

TEST(ServerDeals, a_crowd_that_comes_at_once_out_in_halves) {
    raise_descriptor_limit();
    Server server({.workers = 2}, {{"GET", "/loop", name_of_loop}});
    server.listen();
    std::deque<RawClient> clients;
    for (int i = 0; i < 1000; ++i)
        clients.emplace_back(server.port()).send(get_bytes("/loop"));
    std::map<std::string, std::size_t> answers;
    for (RawClient& client : clients)
        ++answers[std::string(test::body_of(client.read_response()))];
    EXPECT_EQ(answers.size(), 2U);
    for (const auto& [loop, count] : answers) {
        EXPECT_GE(count, 450U) << loop;
        EXPECT_LE(count, 550U) << loop;
    }
}

TEST(ServerDeals, past_a_blocked_loop_so_that_every_client_is_answered) {
    std::vector<async::EventLoop*> loops;
    Server server({.workers = 2}, {{"GET", "/loop", name_of_loop}}, [&](async::EventLoop& loop) {
        loops.push_back(&loop);
        return observe_nothing(loop);
    });
    server.listen();
    const Blocked blocked(*loops[1]);
    std::deque<RawClient> clients;
    for (int i = 0; i < 20; ++i)
        clients.emplace_back(server.port()).send(get_bytes("/loop"));
    for (RawClient& client : clients)
        EXPECT_EQ(test::body_of(client.read_response()), R"({"loop":"http-loop-0"})");
    EXPECT_TRUE(eventually([&] { return server.longest_since_turn().duration > 1s; }));
    EXPECT_EQ(server.longest_since_turn().loop, "http-loop-1") << "operators see it";
}

}  // namespace
}  // namespace signalbox::http
