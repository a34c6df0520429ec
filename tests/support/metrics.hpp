#pragma once

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

#include "support/eventually.hpp"
#include "support/http_client.hpp"
#include "support/prometheus.hpp"
#include "support/raw_message.hpp"
#include "support/service.hpp"

namespace signalbox::test {

inline const std::string requests_total = "http_server_request_duration_seconds_count";
inline const std::string errors_total = "signalbox_request_errors_total";

/// Waits for it: a request is counted a moment after its client has the answer.
inline testing::AssertionResult is_counted(const Service& service, const std::string& name,
                                           const Labels& labels, double expected) {
    double value = 0;
    if (eventually([&] { return (value = service.metric(name, labels)) == expected; })) {
        return testing::AssertionSuccess();
    }
    return testing::AssertionFailure() << name << " is " << value << " instead of " << expected;
}

/// Waits for the scrape that has it.
inline testing::AssertionResult answers(const PrometheusServer& prometheus,
                                        const std::string& expression, double expected) {
    std::optional<double> value;
    if (eventually([&] { return (value = prometheus.value(expression)) == expected; })) {
        return testing::AssertionSuccess();
    }
    return testing::AssertionFailure()
           << expression << " is " << (value ? std::to_string(*value) : "not there")
           << " instead of " << expected;
}

/// As a matcher, for a Prometheus that scrapes several.
inline std::string of(const Service& service) {
    return "instance=\"127.0.0.1:" + std::to_string(service.admin_port()) + "\"";
}

/// Sends without waiting, again and again; the connection stays open.
inline std::vector<RawClient> clients_that_asked(const Service& service, std::size_t count,
                                                 const std::string& path) {
    std::vector<RawClient> clients;
    for (std::size_t i = 0; i < count; ++i) {
        clients.emplace_back(service.port());
        clients.back().send(get_bytes(path));
    }
    return clients;
}

}  // namespace signalbox::test
