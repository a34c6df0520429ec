#pragma once

#include <sys/types.h>

#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "signalbox/testing/held_port.hpp"

namespace signalbox::test {

using Labels = std::map<std::string, std::string>;

/// One line of Prometheus's text format, or one element of the answer to a query.
struct Sample {
    std::string name{};  ///< empty when a query gave it none
    Labels labels{};
    double value = 0;
};
using Samples = std::vector<Sample>;

/// Reads the text format, version 0.0.4. Throws std::runtime_error, with the line, for anything
/// that the format does not allow, and for what no server means to say: a type that comes twice or
/// behind its samples, families that are mixed, the same series twice, a counter below zero, a
/// histogram whose buckets are not cumulative or do not end with its count.
Samples parse_metrics(std::string_view text);

/// The sum of the samples that have this name and, among others, these labels.
double total(const Samples& samples, std::string_view name, const Labels& labels = {});

/// Names and labels without values: which series there are.
std::set<std::pair<std::string, Labels>> series(const Samples& samples);

/// The folder with `prometheus` and `promtool`, as scripts/prometheus finds or makes it.
const std::filesystem::path& prometheus_folder();

/// What `promtool check metrics` has to say; empty when it has nothing to find fault with.
std::string promtool_check_metrics(const std::string& text);

/// The real Prometheus, scraping twice a second what listens on these ports of 127.0.0.1, under the
/// job `signalbox`, and with the project's own rules, evaluated as often.
///
/// It looks at its targets for the first time five seconds after its start, whatever it is told.
/// A folder of its own holds what it stores, and goes with it. Killed when the test ends.
class PrometheusServer {
  public:
    /// Starts it and returns when it answers. Throws std::runtime_error with its log when it
    /// cannot.
    explicit PrometheusServer(const std::vector<int>& admin_ports);
    ~PrometheusServer();
    PrometheusServer(const PrometheusServer&) = delete;
    PrometheusServer& operator=(const PrometheusServer&) = delete;

    /// The value of a PromQL expression now. Throws std::runtime_error with Prometheus's message
    /// when it cannot be evaluated.
    Samples query(const std::string& expression) const;
    /// The only one, when there is exactly one.
    std::optional<double> value(const std::string& expression) const;

    struct Rule {
        std::string name;
        bool alerting = false;
        std::string expression;  ///< as Prometheus writes it
        std::string health;      ///< `ok`, `err` or, before the first evaluation, `unknown`
        std::string error;
    };
    /// All the rules that it has loaded.
    std::vector<Rule> rules() const;

  private:
    void start();
    void stop();
    std::string url(std::string_view path) const;
    std::string log() const;

    std::filesystem::path folder_;
    const HeldPort port_;
    pid_t pid_ = 0;
};

}  // namespace signalbox::test
