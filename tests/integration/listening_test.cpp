// On which addresses the service listens: on all that a name has.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "signalbox/http/server/listener.hpp"
#include "signalbox/testing/held_port.hpp"
#include "support/eventually.hpp"
#include "support/http_client.hpp"
#include "support/log_lines.hpp"
#include "support/paths.hpp"
#include "support/service.hpp"

namespace signalbox::test {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

using Command = std::vector<std::string>;

/// The binary where the kernel knows no IPv6.
Command without_ipv6() {
    return {source_folder() + "/tests/support/without-ipv6", service_binary()};
}

/// The same command where the name `both` has an address of each family. Only root may.
Command with_a_name_of_both_families(const Command& command = {service_binary()}) {
    const fs::path hosts = fs::temp_directory_path() / "signalbox-hosts-of-both-families";
    std::ofstream(hosts) << "127.0.0.1 localhost both\n::1 both\n";
    Command all{"/usr/bin/unshare", "--mount", "/bin/sh", "-c",
                "mount --bind " + hosts.string() + " /etc/hosts && exec \"$0\" \"$@\""};
    all.insert(all.end(), command.begin(), command.end());
    return all;
}

std::string on(std::string_view host, int port, std::string_view path = "/fast-task") {
    return "http://" + std::string(host) + ":" + std::to_string(port) + std::string(path);
}

std::vector<std::string> warnings(const Process& process) {
    std::vector<std::string> bodies;
    for (const LogLine& line : log_lines(process.output())) {
        if (line.text("severity_text") == "WARN") bodies.push_back(line.text("body"));
    }
    return bodies;
}

struct Listening : testing::Test {
    void SetUp() override {
        if (!fs::exists("/proc/net/if_inet6")) GTEST_SKIP() << "there is no IPv6 here";
    }
    const std::string database = database_with_users(0);
};

TEST_F(Listening, is_on_all_addresses_of_a_name_and_on_one_port) {
    if (::geteuid() != 0) GTEST_SKIP() << "another /etc/hosts takes root";
    Service service(database, {"--host", "both", "--admin-host", "both"}, {}, {},
                    with_a_name_of_both_families());
    for (const char* address : {"127.0.0.1", "[::1]"}) {
        EXPECT_EQ(get(on(address, service.port())).status, 200) << address;
        EXPECT_EQ(get(on(address, service.admin_port(), "/livez")).status, 200) << address;
    }
    EXPECT_THAT(warnings(service), IsEmpty());
    EXPECT_THAT(service.output(), HasSubstr("serving on http://both:"));

    service.signal(SIGTERM);
    const auto exit = service.wait_for_exit();
    ASSERT_TRUE(exit);
    EXPECT_EQ(exit->status, 0);
}

TEST_F(Listening, hands_all_addresses_over_by_a_reload) {
    if (::geteuid() != 0) GTEST_SKIP() << "another /etc/hosts takes root";
    Service service(database, {"--host", "both", "--admin-host", "both"}, {}, {},
                    with_a_name_of_both_families());
    service.signal(SIGHUP);
    const auto exit = service.wait_for_exit();
    ASSERT_TRUE(exit);
    EXPECT_EQ(exit->status, 0) << exit->output;
    constexpr std::string_view says = "handed over to process ";
    const auto place = exit->output.find(says);
    ASSERT_NE(place, std::string::npos) << exit->output;
    const pid_t successor = std::stoi(exit->output.substr(place + says.size()));
    for (const char* address : {"127.0.0.1", "[::1]"}) {
        EXPECT_EQ(get(on(address, service.port())).status, 200) << address;
        EXPECT_EQ(get(on(address, service.admin_port(), "/livez")).status, 200) << address;
    }
    ::kill(successor, SIGTERM);
    EXPECT_TRUE(eventually([&] { return ::kill(successor, 0) != 0; }));
}

TEST_F(Listening, leaves_out_a_family_that_the_machine_lacks) {
    if (::geteuid() != 0) GTEST_SKIP() << "another /etc/hosts takes root";
    const Service service(database, {"--host", "both"}, {}, {},
                          with_a_name_of_both_families(without_ipv6()));
    EXPECT_EQ(get(on("127.0.0.1", service.port())).status, 200);
    EXPECT_THAT(warnings(service),
                ElementsAre(AllOf(HasSubstr("not listening on ::1"), HasSubstr("both"))));
}

TEST_F(Listening, fails_when_one_address_of_a_name_is_taken) {
    if (::geteuid() != 0) GTEST_SKIP() << "another /etc/hosts takes root";
    const auto taken = http::Listener::tcp("127.0.0.1", 0);
    const std::string port = std::to_string(taken.port());
    Process process({"--host", "both", "--port", port, "--admin-port", "0", "--database-url",
                     database, "--log-format", "json"},
                    {}, {}, with_a_name_of_both_families());
    const auto exit = process.wait_for_exit();
    ASSERT_TRUE(exit);
    EXPECT_EQ(exit->status, 1);
    EXPECT_THAT(exit->output, AllOf(HasSubstr("127.0.0.1:" + port), HasSubstr("--port")));
}

TEST_F(Listening, on_every_ipv6_address_is_for_ipv4_too) {
    const Service service(database, {"--host", "::", "--admin-host", "::"});
    for (const char* address : {"127.0.0.1", "[::1]"}) {
        EXPECT_EQ(get(on(address, service.port())).status, 200) << address;
        EXPECT_EQ(get(on(address, service.admin_port(), "/livez")).status, 200) << address;
    }
    EXPECT_EQ(run_signalbox({"healthcheck", "--admin-host", "::", "--admin-port",
                             std::to_string(service.admin_port())})
                  .status,
              0);
}

TEST_F(Listening, on_every_ipv6_address_is_on_every_ipv4_one_where_there_is_no_ipv6) {
    const Service service(database, {"--host", "::", "--admin-host", "::"}, {}, {}, without_ipv6());
    EXPECT_EQ(get(on("127.0.0.1", service.port())).status, 200);
    EXPECT_THAT(service.output(), HasSubstr("serving on http://0.0.0.0:"));
    EXPECT_THAT(warnings(service),
                ElementsAre(HasSubstr("not listening on ::"), HasSubstr("not listening on ::")));
    Process healthcheck(
        {"healthcheck", "--admin-host", "::", "--admin-port", std::to_string(service.admin_port())},
        {}, {}, without_ipv6());
    const auto exit = healthcheck.wait_for_exit();
    ASSERT_TRUE(exit);
    EXPECT_EQ(exit->status, 0) << exit->output;
}

TEST_F(Listening, for_both_families_takes_a_mapped_address_for_ipv4s) {
    const HeldPort port;
    const Service service(database,
                          {"--host", "::", "--port", port.text(), "--admin-port", port.text()});
    // On the API's port the debug routes are the machine's own.
    EXPECT_EQ(get(on("127.0.0.1", service.port(), "/debug/requests")).status, 200);
    EXPECT_EQ(get(on("[::1]", service.port(), "/debug/requests")).status, 200);
    EXPECT_EQ(
        send({.url = on("127.0.0.1", service.port()), .headers = {"X-Request-ID: mapped"}}).status,
        200);
    EXPECT_EQ(wait_for_line(service, "request_id", "mapped").text("client.address"), "127.0.0.1");
}

}  // namespace
}  // namespace signalbox::test
