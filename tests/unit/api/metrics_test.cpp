#include "signalbox/api/metrics.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "signalbox/observe/metrics.hpp"

namespace signalbox::api {
namespace {

using testing::HasSubstr;
using testing::Not;

class MetricsOfAnApplication : public testing::Test {
  protected:
    observe::Metrics all_;
    Metrics metrics_{all_};
};

TEST_F(MetricsOfAnApplication, stand_among_the_librarys) {
    const Counter made = metrics_.counter("cakes_made_total", "Cakes made.", {"kind"});
    made.increment({"lemon"});
    made.increment({"lemon"}, 2);
    const Gauge oven = metrics_.gauge("oven_celsius", "How hot it is.");
    oven.set(180);
    oven.add(-5);
    const Histogram weight = metrics_.histogram("cake_grams", "What they weigh.", {100, 500});
    weight.observe(300);
    const std::string text = all_.text();
    EXPECT_THAT(text, HasSubstr("cakes_made_total{kind=\"lemon\"} 3\n"));
    EXPECT_THAT(text, HasSubstr("# HELP cakes_made_total Cakes made.\n"));
    EXPECT_THAT(text, HasSubstr("oven_celsius 175\n"));
    EXPECT_THAT(text, HasSubstr("cake_grams_bucket{le=\"100\"} 0\n"));
    EXPECT_THAT(text, HasSubstr("cake_grams_bucket{le=\"500\"} 1\n"));
}

TEST_F(MetricsOfAnApplication, are_there_before_they_are_counted) {
    const Counter sold = metrics_.counter("cakes_sold_total", "Cakes sold.");
    EXPECT_THAT(all_.text(), HasSubstr("cakes_sold_total 0\n"));
}

TEST_F(MetricsOfAnApplication, have_no_more_series_than_are_bounded) {
    const Counter made = metrics_.counter("cakes_made_total", "Cakes made.", {"kind", "size"});
    for (std::size_t i = 0; i < Metrics::most_series + 50; ++i)
        made.increment({std::to_string(i), "small"});
    made.increment({"0", "small"});
    const std::string text = all_.text();
    EXPECT_THAT(text, HasSubstr("cakes_made_total{kind=\"0\",size=\"small\"} 2\n"));
    EXPECT_THAT(text, HasSubstr("cakes_made_total{kind=\"other\",size=\"other\"} 50\n"));
    EXPECT_THAT(text, Not(HasSubstr("kind=\"" + std::to_string(Metrics::most_series) + "\"")));
}

TEST_F(MetricsOfAnApplication, refuse_what_prometheus_or_another_metric_would_not_bear) {
    metrics_.counter("a_total", "There.");
    for (const char* name :
         {"a_total", "", "1_total", "a-b_total", "ä_total", "a b_total", "no_total_at_the_end"}) {
        EXPECT_THROW(metrics_.counter(name, "No."), std::invalid_argument) << name;
    }
    for (const char* label : {"", "__name", "a:b", "le", "quantile", "ü"}) {
        EXPECT_THROW(metrics_.gauge("b", "No.", {label}), std::invalid_argument) << label;
    }
    EXPECT_THROW(metrics_.gauge("b", "No.", {"same", "same"}), std::invalid_argument);
    using Bounds = std::vector<double>;
    for (const auto& bounds :
         {Bounds{}, Bounds{2, 1}, Bounds{1, 1}, Bounds{std::numeric_limits<double>::quiet_NaN()}}) {
        EXPECT_THROW(metrics_.histogram("c", "No.", bounds), std::invalid_argument);
    }
    all_.gauge("read_at_scrape", "The library's.", {}, [] { return 1; });
    EXPECT_THROW(metrics_.gauge("read_at_scrape", "No."), std::invalid_argument);

    const Counter labelled = metrics_.counter("d_total", "Labelled.", {"kind"});
    EXPECT_THROW(labelled.increment(), std::invalid_argument);
    EXPECT_THROW(labelled.increment({"a", "b"}), std::invalid_argument);
}

TEST_F(MetricsOfAnApplication, are_counted_from_any_thread) {
    const Counter made = metrics_.counter("cakes_made_total", "Cakes made.", {"kind"});
    {
        std::vector<std::jthread> threads;
        for (int t = 0; t < 4; ++t) {
            threads.emplace_back([made] {
                for (int i = 0; i < 1000; ++i)
                    made.increment({std::to_string(i % 150)});
            });
        }
    }
    const std::string text = all_.text();
    double sum = 0;
    for (std::size_t at = text.find("cakes_made_total{"); at != text.npos;
         at = text.find("cakes_made_total{", at + 1)) {
        sum += std::stod(text.substr(text.find("} ", at) + 2));
    }
    EXPECT_EQ(sum, 4000);
}

}  // namespace
}  // namespace signalbox::api
