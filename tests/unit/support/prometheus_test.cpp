#include "support/prometheus.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <string>

namespace signalbox::test {
namespace {

TEST(ParseMetrics, gives_names_labels_and_values) {
    const Samples samples = parse_metrics(
        "# HELP a_total Anything.\n"
        "# TYPE a_total counter\n"
        "a_total 3\n"
        "# A remark.\n"
        "\n"
        "# TYPE b gauge\n"
        "b{x=\"\",y=\"\\\"quoted\\\" \\\\ \\n {,}=\"} -2.5e-3\n"
        "b{x=\"1\",} +Inf\n"
        "b{x=\"2\"} NaN\n");
    ASSERT_EQ(samples.size(), 4U);
    EXPECT_EQ(samples[0].name, "a_total");
    EXPECT_EQ(samples[0].labels, Labels{});
    EXPECT_EQ(samples[0].value, 3);
    EXPECT_EQ(samples[1].labels, (Labels{{"x", ""}, {"y", "\"quoted\" \\ \n {,}="}}));
    EXPECT_EQ(samples[1].value, -0.0025);
    EXPECT_EQ(samples[2].value, INFINITY);
    EXPECT_TRUE(std::isnan(samples[3].value));
}

TEST(ParseMetrics, takes_histograms) {
    const Samples samples = parse_metrics(
        "# TYPE h histogram\n"
        "h_count{x=\"1\"} 3\n"
        "h_sum{x=\"1\"} 12.5\n"
        "h_bucket{x=\"1\",le=\"0.5\"} 1\n"
        "h_bucket{x=\"1\",le=\"1\"} 1\n"
        "h_bucket{x=\"1\",le=\"+Inf\"} 3\n");
    EXPECT_EQ(total(samples, "h_bucket", {{"le", "+Inf"}}), 3);
    EXPECT_EQ(series(samples).size(), 5U);
}

TEST(ParseMetrics, refuses_what_is_malformed) {
    const std::string histogram = "# TYPE h histogram\nh_sum 1\n";
    for (const std::string& text : {
             std::string("a 1"),
             std::string("a\n"),
             std::string("a one\n"),
             std::string("a inf\n"),
             std::string("a 0x1\n"),
             std::string("a  1\n"),
             std::string("a 1 \n"),
             std::string("a 1 1700000000000\n"),
             std::string("1a 1\n"),
             std::string("a-b 1\n"),
             std::string("a{} 1}\n"),
             std::string("a{x} 1\n"),
             std::string("a{x=1} 1\n"),
             std::string("a{x=\"1} 1\n"),
             std::string("a{x=\"\\t\"} 1\n"),
             std::string("a{x:y=\"1\"} 1\n"),
             std::string("a{x=\"1\" y=\"2\"} 1\n"),
             std::string("a{x=\"1\",x=\"2\"} 1\n"),
             std::string("a{x=\"1\"}1\n"),
             std::string("a 1\na 1\n"),
             std::string("a 1\nb 1\na{x=\"1\"} 1\n"),
             std::string("a 1\n# TYPE a gauge\n"),
             std::string("# TYPE a gauge\n# TYPE a gauge\na 1\n"),
             std::string("# HELP a b\n# HELP a b\na 1\n"),
             std::string("# TYPE a number\na 1\n"),
             std::string("# TYPE a counter\na -1\n"),
             std::string("# TYPE a counter\na NaN\n"),
             histogram + "h_count 0\n",
             histogram + "h_bucket{le=\"+Inf\"} 0\n",
             histogram + "h_count 1\nh_bucket{le=\"1\"} 1\n",
             histogram + "h_count 1\nh_bucket{le=\"+Inf\"} 2\n",
             histogram + "h_count 1\nh_bucket{le=\"1\"} 2\nh_bucket{le=\"+Inf\"} 1\n",
             histogram + "h_count 1\nh_bucket{le=\"2\"} 0\nh_bucket{le=\"1\"} 0\n"
                         "h_bucket{le=\"+Inf\"} 1\n",
             histogram + "h_count 1\nh_bucket{le=\"low\"} 0\nh_bucket{le=\"+Inf\"} 1\n",
         }) {
        EXPECT_THROW(parse_metrics(text), std::runtime_error) << text;
    }
}

TEST(ParseMetrics, total_adds_what_has_the_labels) {
    const Samples samples = parse_metrics("a{x=\"1\",y=\"1\"} 1\na{x=\"1\",y=\"2\"} 2\na 4\n");
    EXPECT_EQ(total(samples, "a"), 7);
    EXPECT_EQ(total(samples, "a", {{"x", "1"}}), 3);
    EXPECT_EQ(total(samples, "a", {{"x", "1"}, {"y", "2"}}), 2);
    EXPECT_EQ(total(samples, "a", {{"z", ""}}), 0);
    EXPECT_EQ(total(samples, "b"), 0);
}

}  // namespace
}  // namespace signalbox::test
