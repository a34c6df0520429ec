// What a page of another site in an operator's browser can get at: nothing of the admin listener.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "signalbox/testing/held_port.hpp"
#include "signalbox/testing/postgres.hpp"
#include "support/eventually.hpp"
#include "support/http_client.hpp"
#include "support/log_lines.hpp"
#include "support/raw_message.hpp"
#include "support/service.hpp"

namespace signalbox::test {
namespace {

using testing::HasSubstr;
using testing::Not;

const std::vector<std::string> paths{"/",        "/livez",          "/readyz",         "/metrics",
                                     "/version", "/debug/requests", "/debug/log-level"};

/// A browser whose page's own name leads to the listener (DNS rebinding) says that name.
std::string ask(int port, const std::string& path, const std::string& headers,
                const std::string& method = "GET", const std::string& body = {}) {
    RawClient client(port);
    client.send(method + " " + path + " HTTP/1.1\r\n" + headers +
                "Connection: close\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" +
                body);
    return client.read_to_end();
}

TEST(AdminHosts, of_other_sites_are_refused_on_every_route) {
    const Service service(database_with_users(0),
                          {"--admin-allowed-hosts", "metrics.internal", "--workers", "1"});
    const int port = service.admin_port();
    for (const std::string& path : paths) {
        SCOPED_TRACE(path);
        for (const std::string headers :
             {"Host: evil.example\r\n", "Host: evil.example:9464\r\n", "Host: test\r\n",
              "Host: 127.0.0.1\r\nOrigin: http://evil.example\r\n",
              "Host: 127.0.0.1\r\nOrigin: null\r\n",
              "Host: 127.0.0.1\r\nOrigin: http://127.0.0.1:3000\r\n"}) {
            const std::string answer = ask(port, path, headers);
            EXPECT_EQ(status_of(answer), 403) << headers;
            EXPECT_THAT(std::string(body_of(answer)), HasSubstr("--admin-allowed-hosts"));
            EXPECT_EQ(header_of(answer, "X-Content-Type-Options"), "nosniff");
        }
        for (const std::string headers :
             {"Host: 127.0.0.1\r\n", "Host: localhost:1\r\n", "Host: [::1]\r\n",
              "Host: metrics.internal:9464\r\n",
              "Host: metrics.internal\r\nOrigin: https://metrics.internal\r\n"}) {
            EXPECT_EQ(status_of(ask(port, path, headers)), 200) << headers;
        }
        RawClient probe(port);
        probe.send("GET " + path + " HTTP/1.0\r\n\r\n");
        EXPECT_EQ(status_of(probe.read_to_end()), 200) << "no Host at all";
    }
    EXPECT_EQ(status_of(ask(port, "/debug/log-level", "Host: evil.example\r\n", "PUT",
                            R"({"level":"critical"})")),
              403);
    EXPECT_THAT(get(service.admin_url("/debug/log-level")).body, HasSubstr("\"info\""));
    const LogLine line = wait_for_line(service, "http.request.header.host", "evil.example:9464");
    EXPECT_EQ(line.text("severity_text"), "WARN");
    EXPECT_THAT(line.text("error.message"), HasSubstr("--admin-allowed-hosts"));
}

TEST(AdminHosts, that_are_refused_without_being_logged_are_counted_in_the_log) {
    const Service service(database_with_users(0));
    constexpr int many = 250;
    std::string requests;
    for (int i = 0; i < many; ++i)
        requests += "GET /metrics HTTP/1.1\r\nHost: evil.example\r\n\r\n";
    RawClient client(service.admin_port());
    client.send(requests);
    for (int i = 0; i < many; ++i)
        ASSERT_EQ(status_of(client.read_response()), 403);
    // The next one who is let in has it said, when there is room in the log again.
    std::int64_t written = 0;
    std::int64_t left_out = 0;
    EXPECT_TRUE(eventually([&] {
        EXPECT_EQ(get(service.admin_url("/version")).status, 200);
        written = 0;
        left_out = 0;
        for (const LogLine& line : log_lines(service.output())) {
            if (line.has("http.request.header.host")) ++written;
            if (line.has("log.left_out"))
                left_out += static_cast<std::int64_t>(line.number("log.left_out"));
        }
        return written + left_out == many;
    })) << written
        << " lines, and " << left_out << " left out";
    EXPECT_GT(left_out, 0);
}

TEST(AdminHosts, are_looked_at_on_the_apis_port_as_well_and_leave_the_api_alone) {
    const HeldPort held;
    const std::string port = held.text();
    const Service service(database_with_users(0),
                          {"--port", port, "--admin-port", port, "--admin-allowed-hosts", ""});
    for (const std::string& path : paths) {
        EXPECT_EQ(status_of(ask(service.port(), path, "Host: evil.example\r\n")), 403) << path;
        EXPECT_EQ(status_of(ask(service.port(), path, "Host: localhost\r\n")), 200) << path;
    }
    EXPECT_EQ(status_of(ask(service.port(), "/fast-task", "Host: evil.example\r\n")), 200);
}

TEST(PanelPage, runs_nothing_that_somebody_brought_into_it) {
    const Service service(database_with_users(0));
    const auto policy_of = [&service] {
        const auto page = get(service.admin_url("/"));
        EXPECT_EQ(page.status, 200);
        EXPECT_EQ(page.header("x-content-type-options"), "nosniff");
        EXPECT_THAT(page.body, Not(HasSubstr("@NONCE@")));
        const std::string policy = page.header("content-security-policy").value_or("");
        const std::size_t at = policy.find("script-src 'nonce-") + 18;
        const std::string nonce = policy.substr(at, policy.find('\'', at) - at);
        EXPECT_EQ(nonce.size(), 32U);
        EXPECT_THAT(page.body, HasSubstr("<script nonce=\"" + nonce + "\">"));
        EXPECT_THAT(page.body, HasSubstr("<style nonce=\"" + nonce + "\">"));
        return policy;
    };
    const std::string policy = policy_of();
    EXPECT_THAT(policy, Not(HasSubstr("unsafe-inline")));
    EXPECT_THAT(policy, HasSubstr("default-src 'none'"));
    EXPECT_NE(policy_of(), policy) << "each page has its own";
}

TEST(Answers, all_say_that_they_are_nothing_else) {
    const Service service(database_with_users(0));
    for (const char* path : {"/fast-task", "/nothing", "/users/", "/docs", "/openapi.json"})
        EXPECT_EQ(get(service.url(path)).header("x-content-type-options"), "nosniff") << path;
    for (const std::string& path : paths)
        EXPECT_EQ(get(service.admin_url(path)).header("x-content-type-options"), "nosniff") << path;
    EXPECT_EQ(get(service.admin_url("/nothing")).header("x-content-type-options"), "nosniff");
}

}  // namespace
}  // namespace signalbox::test
