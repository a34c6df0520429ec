#include "signalbox/observe/in_flight_registry.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <deque>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

namespace signalbox::observe {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::IsEmpty;

/// A request that started so many milliseconds after the first one, whose texts live with it.
struct Request {
    explicit Request(std::string id, int started = 0, std::string_view route = "/route")
        : path("/path/" + id), address("192.0.2." + id), id(std::move(id)) {
        in_flight.started = context::RequestContext::Clock::time_point(1h + started * 1ms);
        in_flight.deadline = in_flight.started + 30s;
        in_flight.trace = context::TraceContext::start();
        in_flight.request_id = this->id;
        in_flight.method = "GET";
        in_flight.route = route;
        in_flight.scheme = "http";
        in_flight.path = path;
        in_flight.client_address = address;
    }

    std::string path;
    std::string address;
    std::string id;
    context::RequestContext in_flight{};
};

std::vector<std::string> ids(const InFlightSnapshot& snapshot) {
    std::vector<std::string> ids;
    for (const auto& entry : snapshot.entries)
        ids.push_back(entry.request_id);
    return ids;
}

std::size_t count(const InFlightSnapshot& snapshot, std::string_view route,
                  context::Waiting waiting) {
    std::size_t count = 0;
    for (const auto& kind : snapshot.counts) {
        if (kind.route != route || kind.waiting != waiting) continue;
        EXPECT_EQ(count, 0U) << "a kind is there twice";
        count = kind.count;
    }
    return count;
}

TEST(InFlightRegistry, is_empty_at_first) {
    InFlightRegistry registry;
    EXPECT_EQ(registry.snapshot().total, 0U);
    registry.add_list();
    const auto snapshot = registry.snapshot();
    EXPECT_EQ(snapshot.total, 0U);
    EXPECT_THAT(snapshot.counts, IsEmpty());
    EXPECT_THAT(snapshot.entries, IsEmpty());
}

TEST(InFlightRegistry, tells_all_it_knows_of_a_request) {
    InFlightRegistry registry;
    Request request("7");
    registry.add_list().add(request.in_flight);
    request.in_flight.wait_for(context::Waiting::database, request.in_flight.started + 5ms);
    const auto before = context::RequestContext::Clock::now();
    const auto snapshot = registry.snapshot();
    EXPECT_GE(snapshot.taken, before);
    EXPECT_EQ(snapshot.total, 1U);
    ASSERT_EQ(snapshot.entries.size(), 1U);
    const InFlightEntry& entry = snapshot.entries.front();
    EXPECT_EQ(entry.request_id, "7");
    EXPECT_EQ(entry.trace.trace_id(), request.in_flight.trace.trace_id());
    EXPECT_EQ(entry.trace.span_id(), request.in_flight.trace.span_id());
    EXPECT_EQ(entry.method, "GET");
    EXPECT_EQ(entry.route, "/route");
    EXPECT_EQ(entry.path, "/path/7");
    EXPECT_EQ(entry.client_address, "192.0.2.7");
    EXPECT_EQ(entry.started, request.in_flight.started);
    EXPECT_EQ(entry.deadline, request.in_flight.started + 30s);
    EXPECT_EQ(entry.waiting, context::Waiting::database);
    EXPECT_EQ(entry.waiting_since, request.in_flight.started + 5ms);
}

TEST(InFlightRegistry, forgets_a_request_that_is_removed_and_takes_it_again) {
    InFlightRegistry registry;
    context::RequestList& shard = registry.add_list();
    Request first("1", 1), second("2", 2), third("3", 3);
    shard.add(first.in_flight);
    shard.add(second.in_flight);
    shard.add(third.in_flight);
    EXPECT_THAT(ids(registry.snapshot()), ElementsAre("1", "2", "3"));
    shard.remove(second.in_flight);
    EXPECT_THAT(ids(registry.snapshot()), ElementsAre("1", "3"));
    // As a connection does with its next request.
    second.in_flight.started = third.in_flight.started + 1ms;
    second.in_flight.request_id = "again";
    shard.add(second.in_flight);
    EXPECT_THAT(ids(registry.snapshot()), ElementsAre("1", "3", "again"));
    for (auto* request : {&first, &second, &third})
        shard.remove(request->in_flight);
    EXPECT_EQ(registry.snapshot().total, 0U);
}

TEST(InFlightRegistry, loses_a_request_that_is_destroyed) {
    InFlightRegistry registry;
    context::RequestList& shard = registry.add_list();
    Request staying("1");
    auto going = std::make_unique<Request>("2");
    shard.add(going->in_flight);
    shard.add(staying.in_flight);
    going.reset();
    EXPECT_THAT(ids(registry.snapshot()), ElementsAre("1"));
    shard.remove(staying.in_flight);  // or it would look for a registry that is gone by then
}

TEST(InFlightRegistry, puts_the_oldest_first_over_all_loops) {
    InFlightRegistry registry;
    context::RequestList& one = registry.add_list();
    context::RequestList& other = registry.add_list();
    Request a("a", 1), b("b", 2), c("c", 3), d("d", 4);
    other.add(b.in_flight);
    one.add(a.in_flight);
    other.add(d.in_flight);
    one.add(c.in_flight);
    EXPECT_THAT(ids(registry.snapshot()), ElementsAre("a", "b", "c", "d"));
    EXPECT_THAT(ids(registry.snapshot(4)), ElementsAre("a", "b", "c", "d"));
    EXPECT_THAT(ids(registry.snapshot(3)), ElementsAre("a", "b", "c"));
    EXPECT_THAT(ids(registry.snapshot(1)), ElementsAre("a"));
    EXPECT_THAT(ids(registry.snapshot(0)), IsEmpty());
}

TEST(InFlightRegistry, counts_every_request_whatever_the_limit) {
    InFlightRegistry registry;
    context::RequestList& one = registry.add_list();
    context::RequestList& other = registry.add_list();
    std::deque<Request> requests;
    for (int i = 0; i < 10; ++i) {
        Request& request = requests.emplace_back(std::to_string(i), i, i < 4 ? "/few" : "/many");
        if (i % 2 == 0)
            request.in_flight.wait_for(context::Waiting::timer, request.in_flight.started);
        (i < 5 ? one : other).add(request.in_flight);
    }
    for (const std::size_t limit : {0U, 1U, 5U, 10U, 1000U}) {
        const auto snapshot = registry.snapshot(limit);
        EXPECT_EQ(snapshot.total, 10U);
        EXPECT_EQ(snapshot.entries.size(), std::min<std::size_t>(limit, 10));
        EXPECT_EQ(snapshot.counts.size(), 4U);
        EXPECT_EQ(count(snapshot, "/few", context::Waiting::timer), 2U);
        EXPECT_EQ(count(snapshot, "/few", context::Waiting::handler), 2U);
        EXPECT_EQ(count(snapshot, "/many", context::Waiting::timer), 3U);
        EXPECT_EQ(count(snapshot, "/many", context::Waiting::handler), 3U);
    }
    requests.clear();
}

TEST(InFlightRegistry, cuts_a_path_that_a_client_made_long) {
    InFlightRegistry registry;
    context::RequestList& shard = registry.add_list();
    for (const std::size_t length : {0U, 1U, 255U, 256U, 257U, 30'000U}) {
        Request request("1");
        request.path = std::string(length, 'x') + "end";
        request.in_flight.path = std::string_view(request.path).substr(0, length);
        shard.add(request.in_flight);
        EXPECT_EQ(registry.snapshot().entries.at(0).path,
                  std::string(std::min<std::size_t>(length, 256), 'x'));
        shard.remove(request.in_flight);
    }
}

TEST(InFlightRegistry, copies_what_outlives_the_request) {
    InFlightRegistry registry;
    context::RequestList& shard = registry.add_list();
    auto request = std::make_unique<Request>("a-request-id-too-long-for-a-small-string");
    shard.add(request->in_flight);
    const auto snapshot = registry.snapshot();
    request->path.assign(request->path.size(), '!');
    request->address.assign(request->address.size(), '!');
    request.reset();
    const InFlightEntry& entry = snapshot.entries.at(0);
    EXPECT_EQ(entry.request_id, "a-request-id-too-long-for-a-small-string");
    EXPECT_EQ(entry.path, "/path/" + entry.request_id);
    EXPECT_EQ(entry.client_address, "192.0.2." + entry.request_id);
    EXPECT_EQ(entry.trace.trace_id().size(), 32U);
}

TEST(InFlightRegistry, lists_five_thousand) {
    InFlightRegistry registry;
    context::RequestList& shard = registry.add_list();
    std::deque<Request> requests;
    for (int i = 0; i < 5000; ++i)
        shard.add(requests.emplace_back(std::to_string(i), i).in_flight);
    const auto snapshot = registry.snapshot();
    EXPECT_EQ(snapshot.total, 5000U);
    ASSERT_EQ(snapshot.entries.size(), 5000U);
    for (int i = 0; i < 5000; ++i)
        ASSERT_EQ(snapshot.entries[static_cast<std::size_t>(i)].request_id, std::to_string(i));
    EXPECT_EQ(count(snapshot, "/route", context::Waiting::handler), 5000U);
    requests.clear();
    EXPECT_EQ(registry.snapshot().total, 0U);
}

/// Loops begin and end requests as fast as they can while others look. Each entry must be of one
/// request, never of two that came one after the other in the same place.
TEST(InFlightRegistry, shows_whole_requests_while_loops_change_them) {
    static constexpr std::size_t loops = 3;
    static constexpr int rounds = 3000;
    static constexpr std::string_view routes[] = {"/a", "/b", "/c"};
    InFlightRegistry registry;
    std::atomic<std::size_t> running = loops;
    std::vector<std::thread> threads;
    for (std::size_t loop = 0; loop < loops; ++loop) {
        threads.emplace_back([&, loop] {
            context::RequestList& shard = registry.add_list();
            context::RequestContext places[4];
            std::string paths[4];
            std::string ids[4];
            for (int round = 0; round < rounds; ++round) {
                const auto place = static_cast<std::size_t>(round) % 4;
                context::RequestContext& request = places[place];
                if (round >= 4) shard.remove(request);
                request.started = context::RequestContext::Clock::now();
                // Each of the texts says the same, and with a length of its own.
                ids[place] = std::to_string(loop) + std::string(round % 60, '.');
                request.request_id = ids[place];
                paths[place] = "/" + ids[place];
                request.path = paths[place];
                request.route = routes[loop];
                request.method = "GET";
                request.client_address = request.request_id;
                shard.add(request);
                request.wait_for(
                    round % 2 == 0 ? context::Waiting::timer : context::Waiting::database,
                    request.started);
            }
            --running;
            for (context::RequestContext& request : places)
                shard.remove(request);
        });
    }
    std::size_t snapshots = 0;
    while (running > 0 || snapshots < 10) {
        const auto snapshot = registry.snapshot();
        ++snapshots;
        ASSERT_LE(snapshot.total, 4 * loops);
        ASSERT_EQ(snapshot.entries.size(), snapshot.total);
        std::size_t counted = 0;
        for (const auto& kind : snapshot.counts)
            counted += kind.count;
        EXPECT_EQ(counted, snapshot.total);
        std::set<std::string> seen;
        for (const InFlightEntry& entry : snapshot.entries) {
            const auto loop = static_cast<std::size_t>(entry.request_id.at(0) - '0');
            ASSERT_LT(loop, loops);
            EXPECT_EQ(entry.route, routes[loop]);
            EXPECT_EQ(entry.path, "/" + entry.request_id);
            EXPECT_EQ(entry.client_address, entry.request_id);
            EXPECT_TRUE(seen.insert(entry.request_id).second) << entry.request_id;
        }
        EXPECT_TRUE(
            std::is_sorted(snapshot.entries.begin(), snapshot.entries.end(),
                           [](const auto& a, const auto& b) { return a.started < b.started; }));
    }
    for (auto& thread : threads)
        thread.join();
    EXPECT_EQ(registry.snapshot().total, 0U);
}

TEST(WaitScope, says_what_a_request_waits_for_and_takes_it_back) {
    context::RequestContext request;
    EXPECT_EQ(request.waiting(), context::Waiting::handler);
    {
        const context::WaitScope waiting(&request, context::Waiting::timer);
        EXPECT_EQ(request.waiting(), context::Waiting::timer);
        EXPECT_LE(request.waiting_since(), context::RequestContext::Clock::now());
    }
    EXPECT_EQ(request.waiting(), context::Waiting::handler);
}

TEST(WaitScope, lasts_as_long_as_any_of_several) {
    context::RequestContext request;
    auto first = std::make_unique<context::WaitScope>(&request, context::Waiting::timer);
    auto second = std::make_unique<context::WaitScope>(&request, context::Waiting::timer);
    first.reset();
    EXPECT_EQ(request.waiting(), context::Waiting::timer) << "the second still waits";
    second.reset();
    EXPECT_EQ(request.waiting(), context::Waiting::handler);
}

TEST(WaitScope, of_no_request_does_nothing) {
    const context::WaitScope waiting(nullptr, context::Waiting::timer);
}

TEST(Waiting, has_the_names_that_operators_read) {
    EXPECT_EQ(to_string(context::Waiting::handler), "handler");
    EXPECT_EQ(to_string(context::Waiting::timer), "timer");
    EXPECT_EQ(to_string(context::Waiting::database_queue), "database-queue");
    EXPECT_EQ(to_string(context::Waiting::database), "database");
    EXPECT_EQ(to_string(context::Waiting::client), "client");
}

}  // namespace
}  // namespace signalbox::observe
