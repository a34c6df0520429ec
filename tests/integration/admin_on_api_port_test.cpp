#include <gtest/gtest.h>
#include <ifaddrs.h>
#include <netdb.h>

#include <optional>
#include <string>
#include <vector>

#include "signalbox/testing/held_port.hpp"
#include "support/http_client.hpp"
#include "support/prometheus.hpp"
#include "support/service.hpp"

namespace signalbox::test {
namespace {

/// An address of this machine that is not the loopback, if it has one.
std::optional<std::string> other_local_address() {
    ifaddrs* all = nullptr;
    if (::getifaddrs(&all) != 0) return std::nullopt;
    std::optional<std::string> found;
    for (const ifaddrs* each = all; each != nullptr; each = each->ifa_next) {
        if (each->ifa_addr == nullptr || each->ifa_addr->sa_family != AF_INET) continue;
        char text[NI_MAXHOST];
        if (::getnameinfo(each->ifa_addr, sizeof(sockaddr_in), text, sizeof text, nullptr, 0,
                          NI_NUMERICHOST) == 0 &&
            !std::string_view(text).starts_with("127.")) {
            found = text;
        }
    }
    ::freeifaddrs(all);
    return found;
}

TEST(AdminOnTheApisPort, tells_others_than_this_machine_nothing_of_single_requests) {
    const std::string database = database_with_users(0);
    const HeldPort held;
    const std::string port = held.text();
    const Service service(database, {"--host", "0.0.0.0", "--port", port, "--admin-port", port,
                                     "--forwarded-allow-ips", "*"});
    struct Client {
        std::string host;
        std::vector<std::string> headers;
        bool local;
    };
    std::vector<Client> clients{
        {"127.0.0.1", {}, true},
        {"127.0.0.1", {"X-Forwarded-For: 127.0.0.1"}, false},  // a proxy's word, or a client's
        {"127.0.0.1", {"Forwarded: for=127.0.0.1"}, false},
        {"127.0.0.1", {"Via: 1.1 proxy"}, false},
        {"127.0.0.1", {"X-Forwarded-Proto: https"}, false},
        {"127.0.0.1", {"X-Real-IP: 192.0.2.1"}, false},
        {"127.0.0.1", {"X-Forwarded-For: 192.0.2.1"}, false},
        {"127.0.0.1", {"X-Forwarded-For: 2001:db8::1"}, false},
    };
    if (const auto other = other_local_address()) {
        clients.push_back({*other, {}, false});
        clients.push_back({*other, {"X-Forwarded-For: 127.0.0.1"}, false});
    }
    for (const Client& client : clients) {
        const auto ask = [&](const std::string& path) {
            return send(
                {.url = "http://" + client.host + ":" + port + path, .headers = client.headers});
        };
        SCOPED_TRACE(client.host + " " + (client.headers.empty() ? "" : client.headers[0]));
        EXPECT_EQ(ask("/readyz").status, 200);
        EXPECT_EQ(ask("/fast-task").status, 200);
        const auto metrics = ask("/metrics");
        if (client.local) {
            EXPECT_EQ(total(parse_metrics(metrics.body), "signalbox_state"), 1);
        }
        for (const char* path : {"/", "/metrics", "/debug/requests", "/debug/log-level"}) {
            const auto response = ask(path);
            EXPECT_EQ(response.status, client.local ? 200 : 404) << path;
            if (client.local) continue;
            EXPECT_EQ(response.body, R"({"detail":"Not Found"})");
        }
        const auto put = send({.url = "http://" + client.host + ":" + port + "/debug/log-level",
                               .method = "PUT",
                               .headers = client.headers,
                               .body = R"({"access_log":"all"})"});
        EXPECT_EQ(put.status, client.local ? 200 : 404);
    }
}

}  // namespace
}  // namespace signalbox::test
