#include "signalbox/http/server/eviction_order.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <deque>
#include <map>
#include <optional>
#include <random>
#include <vector>

namespace signalbox::http {
namespace {

using Place = EvictionOrder::Place;
using Waits = EvictionOrder::Waits;

constexpr ClientNetwork a = 1, b = 2;

struct EvictionOrderTest : testing::Test {
    EvictionOrder order;
    std::deque<Place> places;

    ~EvictionOrderTest() override {
        for (Place& place : places)
            order.leave(place);
    }
    Place& open(std::optional<ClientNetwork> network, Waits waits = Waits::for_request) {
        order.enter(places.emplace_back(), network);
        order.wait(places.back(), waits);
        return places.back();
    }
    /// Evicts all, one after the other.
    std::vector<Place*> all(Waits waits) {
        std::vector<Place*> evicted;
        while (Place* first = order.first(waits)) {
            evicted.push_back(first);
            order.leave(*first);
        }
        return evicted;
    }
};

TEST_F(EvictionOrderTest, has_nobody_first_where_nobody_waits) {
    EXPECT_EQ(order.first(Waits::for_request), nullptr);
    open(a, Waits::for_nobody);
    open(a, Waits::for_client);
    EXPECT_EQ(order.first(Waits::for_request), nullptr);
    EXPECT_EQ(order.most(Waits::for_request), 0U);
    EXPECT_EQ(order.most(Waits::for_client), 1U);
}

TEST_F(EvictionOrderTest, begins_with_the_client_that_has_the_most_and_its_longest_waiting) {
    Place& b1 = open(b);
    Place& a1 = open(a);
    Place& a2 = open(a);
    Place& a3 = open(a);
    EXPECT_EQ(order.most(Waits::for_request), 3U);
    EXPECT_EQ(order.connections_of(a), 3U);
    EXPECT_EQ(a1.connections_of_client(), 3U);
    EXPECT_EQ(all(Waits::for_request), (std::vector<Place*>{&a1, &a2, &b1, &a3}));
    EXPECT_EQ(order.connections_of(a), 0U);
}

TEST_F(EvictionOrderTest, counts_those_without_a_network_each_for_itself) {
    open(std::nullopt);
    open(std::nullopt);
    Place& a1 = open(a);
    open(a);
    EXPECT_EQ(order.first(Waits::for_request), &a1);
    EXPECT_EQ(order.connections_of(std::nullopt), 0U);
}

TEST_F(EvictionOrderTest, puts_to_the_back_who_begins_to_wait_anew) {
    Place& a1 = open(a);
    Place& a2 = open(a);
    Place& a3 = open(a);
    order.wait(a1, Waits::for_nobody);
    order.wait(a1, Waits::for_request);
    order.to_back(a2);
    EXPECT_EQ(all(Waits::for_request), (std::vector<Place*>{&a3, &a1, &a2}));
}

/// Against one that looks at all of them each time.
TEST_F(EvictionOrderTest, is_right_after_any_changes) {
    std::mt19937 draw(1);  // NOLINT: the same each time
    const auto below = [&draw](std::size_t n) { return draw() % n; };
    std::vector<std::pair<Place*, ClientNetwork>> open_ones;
    const auto most = [&](Waits waits) {
        std::map<ClientNetwork, std::size_t> counts{{0, 0}};
        for (const auto& [place, network] : open_ones)
            counts[network] += place->waits() == waits ? 1 : 0;
        return std::max_element(counts.begin(), counts.end(),
                                [](auto& left, auto& right) { return left.second < right.second; })
            ->second;
    };
    for (int i = 0; i < 3000; ++i) {
        const std::size_t which = below(5);
        if (which == 0 || open_ones.empty()) {
            const ClientNetwork network = 1 + below(4);
            open_ones.emplace_back(&open(network), network);
        } else if (which == 1) {
            const auto one =
                open_ones.begin() + static_cast<std::ptrdiff_t>(below(open_ones.size()));
            order.leave(*one->first);
            open_ones.erase(one);
        } else {
            order.wait(*open_ones[below(open_ones.size())].first,
                       Waits{static_cast<unsigned char>(below(3))});
        }
        for (const Waits waits : {Waits::for_request, Waits::for_client}) {
            ASSERT_EQ(order.most(waits), most(waits));
            const Place* const first = order.first(waits);
            ASSERT_EQ(first == nullptr, most(waits) == 0);
            if (first == nullptr) continue;
            ASSERT_EQ(first->waits(), waits);
        }
    }
}

}  // namespace
}  // namespace signalbox::http
