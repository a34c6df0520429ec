// Thousands of short-lived connections that do what clients do, the well-behaved and the others:
// everybody gets the answers to their own requests, the log tells the same story, and nothing is
// left behind.
//
//   SIGNALBOX_TORTURE_CONNECTIONS   how many
//   SIGNALBOX_TORTURE_SEED          of what they do; in which order it happens is the machine's

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <iostream>
#include <map>
#include <memory>
#include <mutex>
#include <random>
#include <set>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "support/eventually.hpp"
#include "support/http_client.hpp"
#include "support/locked_users.hpp"
#include "support/log_lines.hpp"
#include "support/prometheus.hpp"
#include "support/sanitized.hpp"
#include "support/service.hpp"

namespace signalbox::test {
namespace {

using namespace std::chrono_literals;
using testing::IsEmpty;

constexpr int default_connections = sanitized ? 1500 : 8000;
constexpr int client_threads = 6;
constexpr int visits_at_a_time = 16;  // by each of the threads

int from_environment(const char* name, int otherwise) {
    const char* const value = std::getenv(name);
    return value == nullptr ? otherwise : std::atoi(value);
}

class Random {
  public:
    Random(int seed, int thread) {
        std::seed_seq seeds{seed, thread};
        engine_.seed(seeds);
    }
    /// At least 0, less than the bound.
    int below(int bound) { return std::uniform_int_distribution(0, bound - 1)(engine_); }
    bool percent(int chance) { return below(100) < chance; }
    std::string hex(std::size_t digits) {
        std::string text(digits, '0');
        for (char& digit : text)
            digit = "123456789abcdef"[below(15)];
        return text;
    }
    std::mt19937& engine() { return engine_; }

  private:
    std::mt19937 engine_;
};

/// One request, what its answer may be, and what became of it.
struct Exchange {
    enum class State { not_sent, sent, answered };

    std::string id{};
    std::string trace_id{};
    std::string method = "GET";
    std::string path{};
    std::string query{};
    std::string headers{};
    std::string content{};
    std::map<int, std::string_view> answers{};  ///< bodies by status
    std::string location{};
    bool waits = false;  ///< for a timer or for the database
    State state = State::not_sent;
    int status = 0;  ///< as answered

    std::string bytes() const {
        return method + " " + path + "?" + query +
               " HTTP/1.1\r\nHost: test\r\nX-Request-ID: " + id + "\r\ntraceparent: 00-" +
               trace_id + "-00f067aa0ba902b7-01\r\n" + headers + "\r\n" + content;
    }
};

/// What the service answers with, whoever asks.
struct Routes {
    std::string users;

    Exchange draw(const std::string& id, Random& random) const {
        Exchange exchange{.id = id, .trace_id = random.hex(32), .query = "n=" + id};
        const int kind = random.below(100);
        if (kind < 30) {
            exchange.path = "/fast-task";
            exchange.answers = {{200, R"({"message":"This was quick!"})"}};
        } else if (kind < 35) {
            exchange.method = "HEAD";
            exchange.path = "/users";
            exchange.answers = {{200, ""}};
            exchange.waits = true;
        } else if (kind < 45) {
            exchange.path = "/nowhere/" + id;
            exchange.answers = {{404, R"({"detail":"Not Found"})"}};
        } else if (kind < 60) {
            exchange.path = "/users/";
            exchange.answers = {{307, ""}};
            exchange.location = "/users?" + exchange.query;
        } else if (kind < 65) {
            exchange.method = "POST";
            exchange.path = "/users";
            exchange.headers = "Transfer-Encoding: chunked\r\n";
            exchange.content = "4\r\nGET \r\na\r\n/ HTTP/1.1\r\n0\r\n\r\n";
            exchange.answers = {{405, R"({"detail":"Method Not Allowed"})"}};
        } else if (kind < 75) {
            exchange.path = random.percent(50) ? "/slow-task" : "/multiple-tasks";
            exchange.headers = "Request-Timeout: 0.02\r\n";
            exchange.answers = {{504, R"({"detail":"Gateway Timeout"})"}};
            exchange.waits = true;
        } else {
            exchange.path = "/users";
            exchange.answers = {{200, users}};
            exchange.waits = true;
            if (kind >= 95) {
                exchange.headers = "Request-Timeout: 0.005\r\n";
                exchange.answers.emplace(504, R"({"detail":"Gateway Timeout"})");
            }
        }
        return exchange;
    }

    /// Most likely it is still at work when its client goes away.
    static void make_long(Exchange& exchange) {
        exchange = {.id = exchange.id,
                    .trace_id = exchange.trace_id,
                    .path = "/slow-task",
                    .query = exchange.query,
                    .answers = {{200, R"({"message":"Task complete!"})"}},
                    .waits = true};
    }
};

/// What is wrong with an answer; nothing if it is the one to this request.
std::string fault_of(const std::string& answer, Exchange& exchange) {
    const std::size_t end = answer.find("\r\n\r\n") + 2;
    const std::string head = answer.substr(0, end);
    const auto lacks = [&](const std::string& line) {
        return head.find(line) == std::string::npos;
    };
    if (!head.starts_with("HTTP/1.1 ")) return "no status line";
    exchange.status = std::stoi(head.substr(9, 3));
    const auto expected = exchange.answers.find(exchange.status);
    if (expected == exchange.answers.end()) return "another status";
    if (lacks("\r\nX-Request-ID: " + exchange.id + "\r\n")) return "another's id";
    if (lacks("\r\ntraceparent: 00-" + exchange.trace_id + "-")) return "another's trace";
    if (!exchange.location.empty() && lacks("\r\nLocation: " + exchange.location + "\r\n")) {
        return "another's place to go to";
    }
    return answer.substr(end + 2) == expected->second ? "" : "another's body";
}

/// What a connection's client does.
enum class Fate {
    stays,                ///< takes all its answers
    asks_to_close,        ///< takes all, and the server closes
    only_listens,         ///< takes all, when it has closed its sending side
    talks_nonsense,       ///< takes all, and a 400 for what comes behind
    leaves_at_once,       ///< says nothing
    leaves_in_a_request,  ///< sends part of what it has to say
    leaves_at_work,       ///< takes some of its answers, and is gone while the next is worked on
    leaves_in_an_answer   ///< takes some, and part of the next
};

Fate draw_fate(Random& random) {
    const int drawn = random.below(100);
    if (drawn < 35) return Fate::stays;
    if (drawn < 45) return Fate::asks_to_close;
    if (drawn < 50) return Fate::only_listens;
    if (drawn < 55) return Fate::talks_nonsense;
    if (drawn < 62) return Fate::leaves_at_once;
    if (drawn < 72) return Fate::leaves_in_a_request;
    if (drawn < 90) return Fate::leaves_at_work;
    return Fate::leaves_in_an_answer;
}

/// One connection, from its first byte to its end.
class Visit {
  public:
    Visit(int port, const Routes& routes, const std::string& id, Random& random)
        : fate_(draw_fate(random)),
          resets_(random.percent(50)),
          client_(port, random.percent(30) ? 4096 : 0) {
        const int requests = 1 + random.below(5);
        for (int i = 0; i < requests; ++i) {
            Exchange exchange = routes.draw(id + "." + std::to_string(i), random);
            if (fate_ == Fate::only_listens && exchange.waits) continue;
            exchanges_.push_back(std::move(exchange));
        }
        taken_ = exchanges_.size();
        if (fate_ == Fate::leaves_at_work || fate_ == Fate::leaves_in_an_answer) {
            taken_ = static_cast<std::size_t>(random.below(static_cast<int>(taken_)));
            if (fate_ == Fate::leaves_at_work && random.percent(50)) {
                Routes::make_long(exchanges_[taken_]);
            }
        }
        if (fate_ == Fate::asks_to_close) exchanges_.back().headers += "Connection: close\r\n";
        for (const Exchange& exchange : exchanges_)
            bytes_ += exchange.bytes();
        if (fate_ == Fate::leaves_at_once) bytes_.clear();
        if (fate_ == Fate::leaves_in_a_request) {
            bytes_.resize(static_cast<std::size_t>(random.below(static_cast<int>(bytes_.size()))));
        }
    }

    /// Sends some more of it; false when there is no more.
    bool send(Random& random) {
        if (sent_ == bytes_.size()) return false;
        const std::size_t left = bytes_.size() - sent_;
        const std::size_t size =
            random.percent(50) ? left
                               : 1 + static_cast<std::size_t>(random.below(static_cast<int>(left)));
        client_.send(std::string_view(bytes_).substr(sent_, size));
        sent_ += size;
        return true;
    }

    /// Takes what it takes, and ends. Returns what was wrong.
    std::string finish() {
        std::size_t end = 0;
        for (Exchange& exchange : exchanges_) {
            end += exchange.bytes().size();
            if (end <= sent_) exchange.state = Exchange::State::sent;
        }
        if (fate_ == Fate::only_listens) client_.close_sending_side();
        if (fate_ == Fate::talks_nonsense) client_.send("NON SENSE\r\n\r\n");
        if (fate_ != Fate::leaves_at_once && fate_ != Fate::leaves_in_a_request) {
            for (std::size_t i = 0; i < taken_; ++i) {
                const std::string fault = take(exchanges_[i]);
                if (!fault.empty()) return fault;
            }
        }
        switch (fate_) {
            case Fate::asks_to_close:
            case Fate::only_listens:
                return client_.read_to_end().empty() ? "" : "more than was asked for";
            case Fate::talks_nonsense:
                return client_.read_to_end().starts_with("HTTP/1.1 400 ") ? "" : "no 400";
            case Fate::leaves_in_an_answer:
                client_.read_some();
                break;
            default:
                break;
        }
        if (resets_) client_.reset_on_close();
        return {};
    }

    Fate fate() const { return fate_; }
    const std::vector<Exchange>& exchanges() const { return exchanges_; }

  private:
    std::string take(Exchange& exchange) {
        const std::string answer =
            exchange.method == "HEAD" ? client_.read_until("\r\n\r\n") : client_.read_response();
        const std::string fault = fault_of(answer, exchange);
        exchange.state = Exchange::State::answered;
        return fault.empty() ? "" : fault + " for " + exchange.bytes() + ":\n" + answer;
    }

    const Fate fate_;
    const bool resets_;
    RawClient client_;
    std::vector<Exchange> exchanges_;
    std::size_t taken_ = 0;  ///< answers
    std::string bytes_;
    std::size_t sent_ = 0;
};

/// What all the clients asked for, and what they complain about.
struct Story {
    std::mutex mutex;
    std::map<std::string, Exchange> exchanges;  ///< by their id
    std::size_t nonsense = 0;
    std::vector<std::string> complaints;

    void add(const Visit& visit, const std::string& complaint) {
        const std::lock_guard lock(mutex);
        nonsense += visit.fate() == Fate::talks_nonsense ? 1 : 0;
        for (const Exchange& exchange : visit.exchanges())
            exchanges.emplace(exchange.id, exchange);
        if (!complaint.empty()) complaints.push_back(complaint.substr(0, 2000));
    }
};

/// Many connections at the same time, from one thread, in an order of its own.
void send_clients(const Service& service, const Routes& routes, Random random,
                  const std::string& thread, int visits, Story& story) {
    for (int begun = 0; begun < visits; begun += visits_at_a_time) {
        std::vector<std::unique_ptr<Visit>> wave;
        for (int i = begun; i < std::min(visits, begun + visits_at_a_time); ++i) {
            wave.push_back(std::make_unique<Visit>(service.port(), routes,
                                                   "v" + thread + "." + std::to_string(i), random));
        }
        bool sending = true;
        while (sending) {
            sending = false;
            for (const auto& visit : wave)
                sending |= visit->send(random);
        }
        std::shuffle(wave.begin(), wave.end(), random.engine());
        for (auto& visit : wave) {
            std::string complaint;
            try {
                complaint = visit->finish();
            } catch (const std::exception& error) {
                complaint = error.what();
            }
            story.add(*visit, complaint);
            visit.reset();  // the connection ends here
        }
    }
}

/// Without those that come and go with a look at the metrics.
std::size_t open_files_at_rest(const Service& service) {
    std::size_t fewest = service.open_files();
    for (int i = 0; i < 20; ++i) {
        std::this_thread::sleep_for(20ms);
        fewest = std::min(fewest, service.open_files());
    }
    return fewest;
}

/// Lets reads of users wait now and then.
void lock_users(const std::stop_token& stop, const std::string& database) {
    while (!stop.stop_requested()) {
        std::this_thread::sleep_for(60ms);
        const LockedUsers lock(database);
        std::this_thread::sleep_for(15ms);
    }
}

/// What the log says of a request and its client does not.
std::string contradiction(const LogLine& line, const Exchange& exchange) {
    const auto status = static_cast<int>(line.number("http.response.status_code"));
    if (line.text("url.path") != exchange.path) return "another's path";
    if (line.text("url.query") != exchange.query) return "another's query";
    if (line.text("trace_id") != exchange.trace_id) return "another's trace";
    switch (exchange.state) {
        case Exchange::State::not_sent:
            return "it was never sent";
        case Exchange::State::sent:
            return status == 499 || exchange.answers.contains(status) ? "" : "no such answer";
        case Exchange::State::answered:
            return status == exchange.status ? "" : "another status";
    }
    return "";
}

struct Told {
    std::size_t requests = 0;
    std::size_t nonsense = 0;
    std::size_t clients_gone = 0;
    std::vector<std::string> contradictions{};
};

Told read_log(const std::string& log, const Story& story) {
    Told told;
    std::set<std::string> ids;
    for (const LogLine& line : log_lines_with(log, "body", "request")) {
        ++told.requests;
        const auto status = static_cast<int>(line.number("http.response.status_code"));
        told.clients_gone += status == 499 ? 1 : 0;
        const std::string id = line.text("request_id");
        const auto exchange = story.exchanges.find(id);
        if (exchange == story.exchanges.end()) {
            told.nonsense += status == 400 ? 1 : 0;
            continue;
        }
        std::string wrong = contradiction(line, exchange->second);
        if (!ids.insert(id).second) wrong = "it is there twice";
        if (!wrong.empty()) told.contradictions.push_back(wrong + ": " + line.json());
    }
    for (const auto& [id, exchange] : story.exchanges) {
        if (exchange.state == Exchange::State::answered && !ids.contains(id)) {
            told.contradictions.push_back(id + " is missing");
        }
    }
    return told;
}

TEST(Torture, gives_every_client_its_own_answers_and_leaves_nothing_behind) {
    const int connections = from_environment("SIGNALBOX_TORTURE_CONNECTIONS", default_connections);
    const int seed = from_environment("SIGNALBOX_TORTURE_SEED", 1);
    std::cout << "SIGNALBOX_TORTURE_CONNECTIONS=" << connections
              << " SIGNALBOX_TORTURE_SEED=" << seed << std::endl;

    // Some 100 KB: more than the kernel takes for a client with a small buffer.
    const std::string database = database_with_users(1000);
    Service service(database, {"--workers", "2", "--database-pool-size", "2"});
    ASSERT_TRUE(eventually([&] { return service.metric("db_client_connections") == 2; }));
    const Routes routes{.users = get(service.url("/users")).body};
    ASSERT_TRUE(eventually([&] { return service.metric("signalbox_connections") == 0; }));
    const std::size_t files = open_files_at_rest(service);
    const std::size_t threads = service.threads();

    Story story;
    {
        const std::jthread locking(lock_users, database);
        std::vector<std::jthread> clients;
        for (int i = 0; i < client_threads; ++i) {
            clients.emplace_back([&, i] {
                send_clients(service, routes, Random(seed, i), std::to_string(i),
                             connections / client_threads, story);
            });
        }
    }
    EXPECT_THAT(story.complaints, IsEmpty());
    ASSERT_FALSE(service.has_ended()) << service.output();

    EXPECT_TRUE(eventually([&] {
        return service.metric("http_server_active_requests") == 0 &&
               service.metric("signalbox_connections") == 0;
    })) << service.metric("http_server_active_requests")
        << " requests in flight, " << service.metric("signalbox_connections") << " connections";
    EXPECT_TRUE(eventually([&] { return service.open_files() == files; }))
        << service.open_files() << ", and before there were " << files;
    EXPECT_TRUE(eventually([&] { return service.threads() == threads; }))
        << service.threads() << ", and before there were " << threads;
    EXPECT_TRUE(eventually([&] {
        return service.metric("db_client_connections", {{"db_client_connection_state", "idle"}}) ==
               2;
    })) << "a connection to the database is lost or never given back";
    EXPECT_EQ(get(service.url("/users")).body, routes.users);
    ASSERT_TRUE(eventually([&] { return service.metric("signalbox_connections") == 0; }));
    const double requests = service.metric("http_server_request_duration_seconds_count");

    service.signal(SIGTERM);
    const auto exit = service.wait_for_exit();
    ASSERT_TRUE(exit);
    EXPECT_EQ(exit->status, 0);
    const Told told = read_log(exit->output, story);
    EXPECT_THAT(told.contradictions, IsEmpty());
    EXPECT_EQ(static_cast<double>(told.requests), requests);
    EXPECT_EQ(told.nonsense, story.nonsense);
    EXPECT_GT(told.clients_gone, 0U) << "nobody left while the service worked, so why test";
}

}  // namespace
}  // namespace signalbox::test
