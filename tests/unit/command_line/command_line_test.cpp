#include "signalbox/command_line/command_line.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <chrono>
#include <cstdlib>
#include <deque>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "signalbox/command_line/open_files.hpp"
#include "signalbox/command_line/server_settings.hpp"
#include "signalbox/process/open_to_all.hpp"
#include "support/paths.hpp"

namespace signalbox::command_line {
namespace {

using namespace std::chrono_literals;
using config::AccessLog;
using config::Config;
using config::LogFormat;
using config::LogLevel;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

const process::Machine test_machine{.cores = 8,
                                    .memory = std::size_t{1} << 30,
                                    .open_files = 1'000'000,
                                    .stdout_is_terminal = false,
                                    .binary_folder = "/installed/bin"};

const config::Program test_program{.name = "signalbox",
                                   .version = "1.2.3 abc",
                                   .description = "Signalbox, a REST service.",
                                   .settings = {}};

std::variant<CommandLine, EarlyExit> parse(std::vector<const char*> arguments,
                                           const Environment& environment = {},
                                           const process::Machine& machine = test_machine,
                                           const config::Program& program = test_program) {
    arguments.insert(arguments.begin(), program.name.c_str());
    return command_line::parse(program, static_cast<int>(arguments.size()), arguments.data(),
                               environment, machine);
}

/// The library's settings, bound to nothing that is looked at.
const std::deque<config::Setting>& server_options() {
    static Config config;
    static const config::Settings settings = server_settings(config);
    return settings.all();
}

CommandLine accepted(const std::vector<const char*>& arguments, const Environment& environment = {},
                     const process::Machine& machine = test_machine) {
    const auto result = parse(arguments, environment, machine);
    if (const auto* exit = std::get_if<EarlyExit>(&result)) {
        ADD_FAILURE() << exit->text;
        return {};
    }
    return std::get<CommandLine>(result);
}

/// The line on standard error, after checking that it is one line and the status is 2.
std::string refused(const std::vector<const char*>& arguments, const Environment& environment = {},
                    const process::Machine& machine = test_machine) {
    const auto result = parse(arguments, environment, machine);
    const auto* exit = std::get_if<EarlyExit>(&result);
    if (exit == nullptr) {
        ADD_FAILURE() << "was accepted";
        return {};
    }
    EXPECT_EQ(exit->status, 2);
    EXPECT_EQ(std::ranges::count(exit->text, '\n'), 1) << exit->text;
    EXPECT_TRUE(exit->text.starts_with("signalbox: ")) << exit->text;
    EXPECT_TRUE(exit->text.ends_with('\n')) << exit->text;
    return exit->text;
}

TEST(CommandLine, has_the_documented_defaults) {
    const auto [command, config, warnings] = accepted({});
    EXPECT_THAT(warnings, testing::IsEmpty());
    EXPECT_EQ(command, Command::serve);
    EXPECT_EQ(config.host, "127.0.0.1");
    EXPECT_EQ(config.port, 8000);
    EXPECT_EQ(config.admin_host, "127.0.0.1");
    EXPECT_EQ(config.admin_port, 9464);
    EXPECT_EQ(config.workers, 8U);
    EXPECT_EQ(config.forwarded_allow_ips, "127.0.0.1,::1");
    EXPECT_EQ(config.forwarded_headers, "x-forwarded-for,x-forwarded-proto");
    EXPECT_EQ(config.root_path, "");
    EXPECT_TRUE(config.docs);
    EXPECT_EQ(config.docs_assets_url, "");
    EXPECT_EQ(config.uds, "");
    EXPECT_EQ(config.fd, std::nullopt);
    EXPECT_EQ(config.program, "signalbox");
    EXPECT_EQ(config.database_url, "postgresql://localhost/signalbox");
    EXPECT_EQ(config.database_url_file, "");
    EXPECT_EQ(config.database_pool_size, 10U);
    EXPECT_EQ(config.database_max_queue, 1024U);
    EXPECT_EQ(config.database_max_streams, 3U);
    EXPECT_EQ(config.database_startup_timeout, 30s);
    EXPECT_EQ(config.database_query_timeout, 5s);
    EXPECT_EQ(config.database_max_lifetime, 30min);
    EXPECT_TRUE(config.database_prepare);
    EXPECT_TRUE(config.database_share_reads);
    EXPECT_FALSE(config.migrate);
    EXPECT_EQ(config.migrations_dir, "/installed/share/signalbox/migrations");
    EXPECT_EQ(config.timeout_request, 30s);
    EXPECT_EQ(config.timeout_keep_alive, 75s);
    EXPECT_EQ(config.timeout_request_head, 10s);
    EXPECT_EQ(config.timeout_request_body, 30s);
    EXPECT_EQ(config.timeout_write, 30s);
    EXPECT_EQ(config.timeout_graceful_shutdown, 30s);
    EXPECT_EQ(config.shutdown_delay, 0s);
    EXPECT_EQ(config.limit_concurrency, 10'000U);
    EXPECT_EQ(config.limit_connections, 20'000U);
    EXPECT_EQ(config.limit_request_head, 32U * 1024);
    EXPECT_EQ(config.limit_request_body, 1024U * 1024);
    EXPECT_EQ(config.log_level, LogLevel::info);
    EXPECT_EQ(config.log_format, LogFormat::json);
    EXPECT_EQ(config.access_log, AccessLog::all);
    EXPECT_EQ(config.slow_request_log, 10s);
    EXPECT_EQ(config.admin_allowed_hosts, "");
    EXPECT_EQ(config.log_secret_paths, "");
}

TEST(CommandLine, prefers_flag_to_environment_to_default) {
    const Environment environment{{"SIGNALBOX_PORT", "1001"}};
    EXPECT_EQ(accepted({}, environment).config.port, 1001);
    EXPECT_EQ(accepted({"--port", "1002"}, environment).config.port, 1002);
    EXPECT_EQ(accepted({"serve", "--port=1003"}, environment).config.port, 1003);
    EXPECT_EQ(accepted({"--port", "1002", "serve", "--port", "1004"}).config.port, 1004);
    EXPECT_EQ(accepted({"--port", "1005", "--port", "1006"}).config.port, 1006);
    EXPECT_EQ(accepted({"--port", "1007", "serve"}).config.port, 1007);
    EXPECT_EQ(accepted({}, {{"SIGNALBOX_PORT", ""}}).config.port, 8000);
}

// The rule that saves looking a name up: SIGNALBOX_ and the flag, but for what the platform names.
TEST(CommandLine, names_variables_after_their_flags) {
    for (const config::Setting& option : server_options()) {
        std::string expected = "SIGNALBOX_" + option.flag.substr(2);
        std::ranges::transform(expected, expected.begin(), [](unsigned char c) {
            return c == '-' ? '_' : static_cast<char>(std::toupper(c));
        });
        if (option.flag == "--database-url") expected = "DATABASE_URL";
        if (option.flag == "--forwarded-allow-ips") expected = "FORWARDED_ALLOW_IPS";
        ASSERT_FALSE(option.variables.empty()) << option.flag;
        EXPECT_EQ(option.variables.front(), expected);
    }
}

TEST(CommandLine, reads_every_option_from_its_variable) {
    const Config config = accepted({}, {{"SIGNALBOX_HOST", "::"},
                                        {"SIGNALBOX_PORT", "0"},
                                        {"SIGNALBOX_ADMIN_HOST", "0.0.0.0"},
                                        {"SIGNALBOX_ADMIN_PORT", "65535"},
                                        {"SIGNALBOX_WORKERS", "3"},
                                        {"WEB_CONCURRENCY", "5"},
                                        {"FORWARDED_ALLOW_IPS", "*"},
                                        {"DATABASE_URL", "postgresql://db/other"},
                                        {"SIGNALBOX_DATABASE_POOL_SIZE", "7"},
                                        {"SIGNALBOX_DATABASE_MAX_QUEUE", "8"},
                                        {"SIGNALBOX_DATABASE_MAX_STREAMS", "2"},
                                        {"SIGNALBOX_DATABASE_STARTUP_TIMEOUT", "1m"},
                                        {"SIGNALBOX_DATABASE_QUERY_TIMEOUT", "250ms"},
                                        {"SIGNALBOX_DATABASE_MAX_LIFETIME", "0"},
                                        {"SIGNALBOX_DATABASE_PREPARE", "off"},
                                        {"SIGNALBOX_DATABASE_SHARE_READS", "off"},
                                        {"SIGNALBOX_MIGRATE", "1"},
                                        {"SIGNALBOX_MIGRATIONS_DIR", "elsewhere"},
                                        {"SIGNALBOX_TIMEOUT_REQUEST", "1h"},
                                        {"SIGNALBOX_TIMEOUT_KEEP_ALIVE", "2s"},
                                        {"SIGNALBOX_TIMEOUT_REQUEST_HEAD", "3s"},
                                        {"SIGNALBOX_TIMEOUT_REQUEST_BODY", "4s"},
                                        {"SIGNALBOX_TIMEOUT_WRITE", "5s"},
                                        {"SIGNALBOX_TIMEOUT_GRACEFUL_SHUTDOWN", "0s"},
                                        {"SIGNALBOX_SHUTDOWN_DELAY", "1.5s"},
                                        {"SIGNALBOX_LIMIT_CONCURRENCY", "100"},
                                        {"SIGNALBOX_LIMIT_CONNECTIONS", "50"},
                                        {"SIGNALBOX_LIMIT_REQUEST_HEAD", "1KiB"},
                                        {"SIGNALBOX_LIMIT_REQUEST_BODY", "0"},
                                        {"SIGNALBOX_LOG_LEVEL", "critical"},
                                        {"SIGNALBOX_LOG_FORMAT", "text"},
                                        {"SIGNALBOX_ACCESS_LOG", "errors"},
                                        {"SIGNALBOX_ADMIN_ALLOWED_HOSTS", "a.example,*.internal"},
                                        {"SIGNALBOX_LOG_SECRET_PATHS", "/reset/{token},/i/{x}"},
                                        {"SIGNALBOX_SLOW_REQUEST_LOG", "6s"}})
                              .config;
    EXPECT_EQ(config.host, "::");
    EXPECT_EQ(config.port, 0);
    EXPECT_EQ(config.admin_host, "0.0.0.0");
    EXPECT_EQ(config.admin_port, 65535);
    EXPECT_EQ(config.workers, 3U);
    EXPECT_EQ(config.forwarded_allow_ips, "*");
    EXPECT_EQ(config.database_url, "postgresql://db/other");
    EXPECT_EQ(config.database_pool_size, 7U);
    EXPECT_EQ(config.database_max_queue, 8U);
    EXPECT_EQ(config.database_max_streams, 2U);
    EXPECT_EQ(config.database_startup_timeout, 1min);
    EXPECT_EQ(config.database_query_timeout, 250ms);
    EXPECT_EQ(config.database_max_lifetime, 0s);
    EXPECT_FALSE(config.database_prepare);
    EXPECT_FALSE(config.database_share_reads);
    EXPECT_TRUE(config.migrate);
    EXPECT_EQ(config.migrations_dir, "elsewhere");
    EXPECT_EQ(config.timeout_request, 1h);
    EXPECT_EQ(config.timeout_keep_alive, 2s);
    EXPECT_EQ(config.timeout_request_head, 3s);
    EXPECT_EQ(config.timeout_request_body, 4s);
    EXPECT_EQ(config.timeout_write, 5s);
    EXPECT_EQ(config.timeout_graceful_shutdown, 0s);
    EXPECT_EQ(config.shutdown_delay, 1500ms);
    EXPECT_EQ(config.limit_concurrency, 100U);
    EXPECT_EQ(config.limit_connections, 50U);
    EXPECT_EQ(config.effective_concurrency(), 50U);
    EXPECT_EQ(config.limit_request_head, 1024U);
    EXPECT_EQ(config.limit_request_body, 0U);
    EXPECT_EQ(config.log_level, LogLevel::critical);
    EXPECT_EQ(config.log_format, LogFormat::text);
    EXPECT_EQ(config.access_log, AccessLog::errors);
    EXPECT_EQ(config.slow_request_log, 6s);
    EXPECT_EQ(config.admin_allowed_hosts, "a.example,*.internal");
    EXPECT_EQ(config.log_secret_paths, "/reset/{token},/i/{x}");
}

TEST(CommandLine, takes_web_concurrency_when_its_own_variable_is_not_set) {
    EXPECT_EQ(accepted({}, {{"WEB_CONCURRENCY", "6"}}).config.workers, 6U);
    EXPECT_THAT(refused({}, {{"WEB_CONCURRENCY", "0"}}), HasSubstr("WEB_CONCURRENCY: "));
}

TEST(CommandLine, takes_switches_with_and_without_a_value) {
    EXPECT_TRUE(accepted({"--migrate"}).config.migrate);
    EXPECT_TRUE(accepted({"--migrate", "--port", "1"}).config.migrate);
    EXPECT_FALSE(accepted({"--migrate=false"}, {{"SIGNALBOX_MIGRATE", "1"}}).config.migrate);
    for (const char* off : {"false", "0", "off"}) {
        EXPECT_FALSE(accepted({}, {{"SIGNALBOX_MIGRATE", off}}).config.migrate);
    }
    EXPECT_THAT(refused({}, {{"SIGNALBOX_MIGRATE", "maybe"}}),
                HasSubstr("SIGNALBOX_MIGRATE: \"maybe\""));
}

TEST(CommandLine, names_the_flag_or_the_variable_that_is_wrong) {
    for (const config::Setting& option : server_options()) {
        const std::string& flag = option.flag;
        const std::string bad = option.flag == "--host" || option.flag == "--admin-host" ||
                                        option.flag == "--migrations-dir" ||
                                        option.flag == "--upload-dir" || option.flag == "--uds"
                                    ? flag + "="
                                    : flag + "=no/nonsense";
        EXPECT_THAT(refused({bad.c_str()}), HasSubstr("signalbox: " + flag + ": "));
        for (const std::string& name : option.variables) {
            if (bad.ends_with('=')) continue;  // an empty variable counts as unset
            EXPECT_THAT(refused({}, {{name, "no/nonsense"}}),
                        HasSubstr("signalbox: " + name + ": "));
        }
    }
}

TEST(CommandLine, takes_the_path_below_which_a_proxy_has_the_api) {
    EXPECT_EQ(accepted({"--root-path", "/api"}).config.root_path, "/api");
    EXPECT_EQ(accepted({"--root-path", "/api/v1.0/"}).config.root_path, "/api/v1.0");
    EXPECT_EQ(accepted({"--root-path", "/"}).config.root_path, "");
    EXPECT_EQ(accepted({}, {{"SIGNALBOX_ROOT_PATH", "/api"}}).config.root_path, "/api");
    for (const char* bad :
         {"api", "//example.com", "/a//b", "/a b", "/a?b", "/a#b", "/a\"b", "/\xc3\xa4"})
        EXPECT_THAT(refused({"--root-path", bad}), HasSubstr("expected a path such as /api"))
            << bad;
}

TEST(CommandLine, takes_where_the_documents_load_from) {
    const auto url = [](const char* text) {
        return accepted({"--docs-assets-url", text}).config.docs_assets_url;
    };
    EXPECT_EQ(url("https://cdn.example.com/npm/"), "https://cdn.example.com/npm");
    EXPECT_EQ(url("http://10.0.0.1:8000"), "http://10.0.0.1:8000");
    EXPECT_EQ(url("/static"), "/static");
    EXPECT_FALSE(accepted({"--docs", "off"}).config.docs);
    EXPECT_FALSE(accepted({}, {{"SIGNALBOX_DOCS", "off"}}).config.docs);
    // What follows would become a part of the pages' policy.
    for (const char* bad : {"cdn.example.com", "ftp://example.com", "https://", "https:///npm",
                            "//example.com", "http://https://example.com", "https://a;script-src *",
                            "https://a,b", "https://a\r\nb", "https://a/?b", "https://a/#b"}) {
        EXPECT_THAT(refused({"--docs-assets-url", bad}), HasSubstr("--docs-assets-url: ")) << bad;
    }
}

TEST(CommandLine, refuses_values_out_of_range) {
    for (const char* bad : {"--port=65536",
                            "--port=-1",
                            "--admin-port=1e3",
                            "--workers=0",
                            "--database-pool-size=0",
                            "--database-max-queue=0",
                            "--limit-concurrency=0",
                            "--limit-connections=0",
                            "--limit-buffered=1023KiB",
                            "--limit-request-head=1023",
                            "--limit-request-head=1GiB",
                            "--limit-request-body=2GiB",
                            "--timeout-request=0",
                            "--timeout-write=0s",
                            "--timeout-keep-alive=0",
                            "--timeout-request-head=0",
                            "--timeout-request-body=0",
                            "--database-query-timeout=0ms",
                            "--database-startup-timeout=0",
                            "--timeout-request=30"}) {
        const std::string_view flag =
            std::string_view{bad}.substr(0, std::string_view{bad}.find('='));
        EXPECT_THAT(refused({bad}), HasSubstr(std::string{flag} + ": \"")) << bad;
    }
}

TEST(CommandLine, reads_negative_and_missing_values_as_values) {
    EXPECT_THAT(refused({"--port", "-1"}), HasSubstr("--port: \"-1\""));
    EXPECT_THAT(refused({"--port="}), HasSubstr("--port: \"\""));
    EXPECT_THAT(refused({"--port=", "8001"}), HasSubstr("--port: \"\""));
    EXPECT_THAT(refused({"--forwarded-allow-ips=", "::1"}), HasSubstr("unexpected argument"));
    EXPECT_THAT(refused({"--port"}), HasSubstr("--port"));
    EXPECT_THAT(refused({"--host", "--migrate"}), HasSubstr("--host: expected a value"));
    EXPECT_EQ(accepted({"--forwarded-allow-ips", ""}).config.forwarded_allow_ips, "");
}

TEST(CommandLine, refuses_a_query_timeout_above_the_request_timeout) {
    EXPECT_THAT(refused({"--database-query-timeout", "31s"}),
                AllOf(HasSubstr("--database-query-timeout: 31s is above --timeout-request (30s)")));
    EXPECT_THAT(refused({}, {{"SIGNALBOX_TIMEOUT_REQUEST", "4s"}}),
                HasSubstr("5s is above SIGNALBOX_TIMEOUT_REQUEST (4s)"));
    EXPECT_EQ(accepted({"--database-query-timeout", "30s"}).config.database_query_timeout, 30s);
}

TEST(CommandLine, allows_one_port_for_both_listeners) {
    const Config config = accepted({"--port", "9000", "--admin-port", "9000"}).config;
    EXPECT_EQ(config.port, config.admin_port);
}

TEST(CommandLine, fits_connections_into_the_open_file_limit) {
    process::Machine machine = test_machine;
    machine.open_files = 4096;
    const Config config = accepted({}, {}, machine).config;
    EXPECT_EQ(config.limit_connections, command_line::connections_allowed(4096, 10, 8));
    EXPECT_GT(config.limit_connections, 3700U);
    EXPECT_EQ(config.effective_concurrency(), config.limit_connections);
    EXPECT_EQ(accepted({"--limit-concurrency", "5"}, {}, machine).config.effective_concurrency(),
              5U);

    EXPECT_THAT(refused({"--limit-connections", "5000"}, {}, machine),
                AllOf(HasSubstr("--limit-connections: 5000"),
                      HasSubstr(std::to_string(command_line::files_needed(5000, 10, 8))),
                      HasSubstr("4096")));
    EXPECT_THAT(refused({}, {{"SIGNALBOX_LIMIT_CONNECTIONS", "5000"}}, machine),
                HasSubstr("SIGNALBOX_LIMIT_CONNECTIONS: 5000"));
    machine.open_files = 64;
    EXPECT_THAT(refused({}, {}, machine), HasSubstr("--limit-connections: 1 needs"));
    EXPECT_EQ(accepted({"migrate"}, {}, machine).command, Command::migrate);
}

TEST(CommandLine, fits_connections_into_the_memory) {
    process::Machine machine = test_machine;
    machine.open_files = 1'000'000;
    const auto connections = [&](std::size_t mebibytes) {
        machine.memory = mebibytes << 20U;
        return accepted({}, {}, machine).config.limit_connections;
    };
    EXPECT_GE(connections(128), 4'000U);
    EXPECT_LT(connections(128), 6'000U);
    EXPECT_GE(connections(256), 10'000U);
    EXPECT_LT(connections(256), 12'000U);
    EXPECT_EQ(connections(1024), 20'000U);
    EXPECT_EQ(connections(0), 1U);
    machine.memory = std::size_t{128} << 20U;
    EXPECT_EQ(accepted({"--limit-connections", "15000"}, {}, machine).config.limit_connections,
              15'000U)
        << "who asks for it knows what else is there";
}

TEST(CommandLine, buffers_a_quarter_of_the_memory_and_at_least_one_request) {
    process::Machine machine = test_machine;
    const auto buffered = [&](const std::vector<const char*>& arguments) {
        return accepted(arguments, {}, machine).config.limit_buffered;
    };
    machine.memory = std::size_t{256} << 20;
    EXPECT_EQ(buffered({}), std::size_t{64} << 20);
    EXPECT_EQ(buffered({"--limit-buffered", "32MiB"}), std::size_t{32} << 20);
    machine.memory = std::size_t{64} << 30;
    EXPECT_EQ(buffered({}), std::size_t{512} << 20);
    EXPECT_EQ(buffered({"--limit-request-body", "1GiB"}),
              (std::size_t{1} << 30) + std::size_t{32 + 192} * 1024);
    EXPECT_THAT(refused({"--limit-buffered", "1MiB"}),
                HasSubstr("--limit-buffered: 1048576 bytes are less than the 1277952 that one"));
}

TEST(CommandLine, has_a_worker_for_each_core_and_never_none) {
    for (const auto& [cores, workers] :
         {std::pair<std::size_t, std::size_t>{0, 1}, {1, 1}, {2, 2}, {9, 9}}) {
        process::Machine machine = test_machine;
        machine.cores = cores;
        EXPECT_EQ(accepted({}, {}, machine).config.workers, workers) << cores;
    }
}

TEST(CommandLine, writes_text_logs_on_a_terminal) {
    process::Machine machine = test_machine;
    machine.stdout_is_terminal = true;
    EXPECT_EQ(accepted({}, {}, machine).config.log_format, LogFormat::text);
    EXPECT_EQ(accepted({"--log-format", "json"}, {}, machine).config.log_format, LogFormat::json);
}

TEST(CommandLine, knows_its_subcommands) {
    EXPECT_EQ(accepted({"serve"}).command, Command::serve);
    EXPECT_EQ(accepted({"migrate"}).command, Command::migrate);
    EXPECT_EQ(accepted({"migrate", "--status"}).command, Command::migrate_status);
    EXPECT_EQ(accepted({"healthcheck"}).command, Command::healthcheck);
    EXPECT_EQ(accepted({"healthcheck", "--admin-port", "1"}).config.admin_port, 1);
    EXPECT_EQ(accepted({"--migrations-dir", "m", "migrate"}).config.migrations_dir, "m");
    EXPECT_EQ(accepted({"migrate", "--log-level", "debug"}).config.log_level, LogLevel::debug);
    EXPECT_EQ(accepted({"migrate", "--database-url", "dbname=x"}).config.database_url, "dbname=x");
}

TEST(CommandLine, refuses_flags_of_another_subcommand) {
    EXPECT_THAT(refused({"migrate", "--port", "1"}), HasSubstr("--port"));
    EXPECT_THAT(refused({"--port", "1", "migrate"}), HasSubstr("--port: is no flag of migrate"));
    EXPECT_THAT(refused({"healthcheck", "--database-url", "dbname=x"}),
                HasSubstr("--database-url"));
    EXPECT_THAT(refused({"--status"}), HasSubstr("--status"));
    // What the environment says to the other subcommands is no business of this one.
    EXPECT_EQ(accepted({"healthcheck"}, {{"DATABASE_URL", "nonsense"}}).command,
              Command::healthcheck);
    EXPECT_EQ(accepted({"migrate"}, {{"SIGNALBOX_PORT", "nonsense"}}).command, Command::migrate);
    EXPECT_EQ(accepted({"migrate"}, {{"SIGNALBOX_DATABASE_QUERY_TIMEOUT", "40s"}}).command,
              Command::migrate);
}

TEST(CommandLine, refuses_what_it_does_not_know) {
    for (const char* bad : {"--bogus", "bogus", "-x", "--por", "--Port", "migrat"}) {
        EXPECT_THAT(refused({bad}), HasSubstr(bad));
        EXPECT_THAT(refused({"serve", bad}), HasSubstr(bad));
    }
    EXPECT_THAT(refused({"serve", "migrate"}), HasSubstr("migrate"));
    EXPECT_THAT(refused({"--", "--port"}), HasSubstr("unexpected argument"));
}

TEST(CommandLine, repeats_no_password) {
    const Environment file_and_url{{"DATABASE_URL", "postgresql://u:s3cret@db/x"},
                                   {"DATABASE_URL_FILE", "/missing"}};
    EXPECT_THAT(refused({}, file_and_url), Not(HasSubstr("s3cret")));
    for (const std::vector<const char*>& arguments : std::vector<std::vector<const char*>>{
             {"--database-url", "nonsense://u:s3cret@db/x"},
             {"--databse-url", "postgresql://u:s3cret@db/x"},
             {"--databse-url=postgresql://u:s3cret@db/x"},
             {"postgresql://u:s3cret@db/x"},
             {"host=db password=s3cret"},
             {"healthcheck", "--database-url=postgresql://u:s3cret@db/x"}}) {
        EXPECT_THAT(refused(arguments), Not(HasSubstr("s3cret")));
    }
}

TEST(CommandLine, stays_on_one_line_whatever_it_is_given) {
    EXPECT_THAT(refused({"--port", "1\n2"}), HasSubstr("1?2"));
    EXPECT_THAT(refused({"--bo\ngus"}), HasSubstr("--bo?gus"));
}

TEST(CommandLine, takes_the_newline_off_the_end_of_a_value) {
    const Config config = accepted({"--host", "0.0.0.0\n"}, {{"SIGNALBOX_PORT", "9000\n"},
                                                             {"SIGNALBOX_ADMIN_PORT", "9001\r\n"},
                                                             {"DATABASE_URL", "dbname=x\n"},
                                                             {"SIGNALBOX_LOG_LEVEL", "\n"}})
                              .config;
    EXPECT_EQ(config.host, "0.0.0.0");
    EXPECT_EQ(config.port, 9000);
    EXPECT_EQ(config.admin_port, 9001);
    EXPECT_EQ(config.database_url, "dbname=x");
    EXPECT_EQ(config.log_level, LogLevel::info) << "an empty variable is as good as none";
    EXPECT_THAT(refused({}, {{"SIGNALBOX_PORT", "9000\n\n"}}), HasSubstr("SIGNALBOX_PORT"));
}

TEST(CommandLine, refuses_a_forwarded_header_that_is_none) {
    EXPECT_THAT(refused({"--forwarded-headers", "x-real-ip"}),
                AllOf(HasSubstr("--forwarded-headers"), HasSubstr("x-real-ip")));
    EXPECT_THAT(refused({"--forwarded-headers", "Forwarded, X-Forwarded-For"}),
                HasSubstr("exclude each other"));
    EXPECT_EQ(
        accepted({"--forwarded-headers", "Forwarded,X-Forwarded-Prefix"}).config.forwarded_headers,
        "Forwarded,X-Forwarded-Prefix");
}

TEST(CommandLine, warns_of_a_password_that_is_there_to_be_read) {
    const auto flag = accepted({"--database-url", "postgresql://u:s3cret@localhost/x"});
    EXPECT_THAT(flag.warnings,
                ElementsAre(AllOf(HasSubstr("--database-url"), HasSubstr("DATABASE_URL_FILE"),
                                  Not(HasSubstr("s3cret")))));
    EXPECT_THAT(accepted({"--database-url", "postgresql://u@localhost/x"}).warnings,
                testing::IsEmpty());
    EXPECT_THAT(accepted({"--database-listen-url", "postgresql://u:s3cret@db/x"}).warnings,
                testing::UnorderedElementsAre(HasSubstr("command line"), HasSubstr("sslmode")));
    EXPECT_THAT(accepted({}, {{"DATABASE_URL", "postgresql://u:s3cret@localhost/x"}}).warnings,
                testing::IsEmpty());
}

TEST(CommandLine, warns_of_a_server_that_may_be_asked_unencrypted) {
    const auto warnings = [](const char* url) {
        return accepted({}, {{"DATABASE_URL", url}}).warnings;
    };
    for (const auto* mode : {"", "?sslmode=prefer", "?sslmode=allow", "?sslmode=disable"}) {
        EXPECT_THAT(
            warnings(("postgresql://localhost,db.example.com/x" + std::string(mode)).c_str()),
            ElementsAre(AllOf(HasSubstr("DATABASE_URL: "), HasSubstr("db.example.com"),
                              HasSubstr("sslmode="))))
            << mode;
    }
    for (const auto* url :
         {"postgresql://db/x?sslmode=require", "postgresql://db/x?sslmode=verify-full",
          "postgresql://localhost/x", "postgresql://127.0.0.1/x", "postgresql://[::1]/x",
          "postgresql:///x?host=/run/postgresql", "postgresql:///x",
          "host=db hostaddr=127.0.0.1 dbname=x"}) {
        EXPECT_THAT(warnings(url), testing::IsEmpty()) << url;
    }
}

class DatabaseUrlFile : public testing::Test {
  protected:
    DatabaseUrlFile() {
        std::string name =
            (std::filesystem::temp_directory_path() / "signalbox-secret-XXXXXX").string();
        folder_ = ::mkdtemp(name.data());
        std::ofstream{folder_ / "url"} << "postgresql://from-file/signalbox\n";
    }
    ~DatabaseUrlFile() override { std::filesystem::remove_all(folder_); }

    std::filesystem::path folder_;
};

TEST_F(DatabaseUrlFile, is_read_and_its_path_kept) {
    const Config config = accepted({}, {{"DATABASE_URL_FILE", folder_ / "url"}}).config;
    EXPECT_EQ(config.database_url, "postgresql://from-file/signalbox");
    EXPECT_EQ(config.database_url_file, folder_ / "url");
}

TEST_F(DatabaseUrlFile, is_warned_of_when_everybody_may_read_a_password_in_it) {
    const auto write = [&](const char* url, std::filesystem::perms perms) {
        std::ofstream{folder_ / "url"} << url;
        std::filesystem::permissions(folder_ / "url", perms);
        return accepted({}, {{"DATABASE_URL_FILE", folder_ / "url"}}).warnings;
    };
    using std::filesystem::perms;
    constexpr auto with_password = "postgresql://u:s3cret@localhost/x";
    const bool in_memory = !process::is_open_to_all("/etc/passwd");
    EXPECT_THAT(write(with_password, perms(0644)), testing::IsEmpty()) << "the folder is closed";
    std::filesystem::permissions(folder_, perms(0755));
    EXPECT_THAT(write(with_password, perms(0440)), testing::IsEmpty());
    EXPECT_THAT(write("postgresql://u@localhost/x", perms(0644)), testing::IsEmpty());
    if (in_memory) GTEST_SKIP() << "all files here are in memory";
    EXPECT_THAT(write(with_password, perms(0644)),
                ElementsAre(AllOf(HasSubstr("DATABASE_URL_FILE"), HasSubstr(folder_.string()),
                                  Not(HasSubstr("s3cret")))));
}

TEST_F(DatabaseUrlFile, clashes_with_the_variable_and_yields_to_the_flag) {
    const Environment both{{"DATABASE_URL", "postgresql://from-variable/signalbox"},
                           {"DATABASE_URL_FILE", folder_ / "url"}};
    EXPECT_THAT(refused({}, both),
                AllOf(HasSubstr("DATABASE_URL_FILE"), HasSubstr("DATABASE_URL is set")));
    const Config config = accepted({"--database-url", "postgresql://from-flag/x"}, both).config;
    EXPECT_EQ(config.database_url, "postgresql://from-flag/x");
    EXPECT_EQ(config.database_url_file, "");
    EXPECT_THAT(refused({}, {{"DATABASE_URL_FILE", folder_ / "missing"}}),
                HasSubstr("DATABASE_URL_FILE: cannot read"));
}

// Opened as any file, it would hold the start until somebody writes, and no signal would be heard.
TEST_F(DatabaseUrlFile, has_to_be_a_regular_file) {
    ASSERT_EQ(::mkfifo((folder_ / "fifo").c_str(), 0600), 0);
    EXPECT_THAT(refused({}, {{"DATABASE_URL_FILE", folder_ / "fifo"}}),
                AllOf(HasSubstr("DATABASE_URL_FILE: cannot read"), HasSubstr("no regular file")));
    EXPECT_THAT(refused({}, {{"DATABASE_URL_FILE", "/dev/zero"}}), HasSubstr("no regular file"));
    std::filesystem::resize_file(folder_ / "url", 1 << 20);
    EXPECT_THAT(refused({}, {{"DATABASE_URL_FILE", folder_ / "url"}}),
                HasSubstr("more than 65536 bytes"));
}

TEST(Help, documents_every_option) {
    for (const std::vector<const char*>& arguments :
         std::vector<std::vector<const char*>>{{"--help"}, {"serve", "--help"}, {"-h"}}) {
        const auto result = parse(arguments);
        const auto* exit = std::get_if<EarlyExit>(&result);
        ASSERT_NE(exit, nullptr);
        EXPECT_EQ(exit->status, 0);
        for (const config::Setting& option : server_options()) {
            EXPECT_THAT(exit->text, HasSubstr(option.flag));
            EXPECT_THAT(exit->text, HasSubstr(option.help));
            EXPECT_THAT(exit->text, HasSubstr(option.variables.front()));
            EXPECT_THAT(exit->text, HasSubstr("default " + option.default_text + "]"));
        }
    }
}

std::string read_document(const std::string& name) {
    std::ifstream file{test::source_folder() + name};
    return {std::istreambuf_iterator<char>{file}, {}};
}

// The manifests for Kubernetes are checked against these tables, too.
TEST(HelpMarkdown, is_what_the_document_has) {
    const auto result = parse({"--help-markdown"});
    const auto* exit = std::get_if<EarlyExit>(&result);
    ASSERT_NE(exit, nullptr);
    EXPECT_EQ(exit->status, 0);
    const std::string begin = "<!-- settings -->\n\n";
    const std::string document = read_document("/docs/configuration.md");
    const auto start = document.find(begin);
    ASSERT_NE(start, std::string::npos);
    const auto end = document.find("<!-- /settings -->", start);
    ASSERT_NE(end, std::string::npos);
    EXPECT_EQ(document.substr(start + begin.size(), end - start - begin.size()), exit->text)
        << "make configuration writes it";
}

TEST(HelpMarkdown, has_a_row_for_every_setting) {
    const auto result = parse({"--help-markdown"});
    const auto& text = std::get<EarlyExit>(result).text;
    for (const config::Setting& setting : server_options()) {
        EXPECT_THAT(text, HasSubstr("\n| `" + setting.flag + "` | `")) << setting.flag;
        for (const std::string& variable : setting.variables)
            EXPECT_THAT(text, HasSubstr('`' + variable + '`'));
    }
    EXPECT_THAT(text, HasSubstr("| `--port` | `SIGNALBOX_PORT` | `8000` | 0: any"));
    EXPECT_THAT(text, HasSubstr("`SIGNALBOX_WORKERS`, then `WEB_CONCURRENCY` | the cores, at"));
    EXPECT_THAT(text, HasSubstr("`DATABASE_URL`, or a file named by `DATABASE_URL_FILE` | "));
    EXPECT_THAT(text, HasSubstr("\n\n## Time limits\n\n| flag | environment | default | |\n"));
}

TEST(HelpMarkdown, has_a_programs_own_settings_and_shows_no_secret) {
    int page_size = 50;
    std::string key = "hidden-key";
    config::Program program = test_program;
    program.settings = config::Settings("Orders");
    program.settings.add("--orders-page-size", page_size, "rows of a <page>, a|b and *all*")
        .explain("At **most** 1,000.");
    program.settings.add_secret("--orders-key", key, "the supplier's");
    const auto result = parse({"--help-markdown"}, {}, test_machine, program);
    const auto& text = std::get<EarlyExit>(result).text;
    EXPECT_THAT(text,
                HasSubstr("## Orders\n\n| flag | environment | default | |\n|---|---|---|---|\n"
                          "| `--orders-page-size` | `ORDERS_PAGE_SIZE` | `50` | rows of a "
                          "\\<page>, a\\|b and \\*all\\*. At **most** 1,000. |\n"
                          "| `--orders-key` | `ORDERS_KEY`, or a file named by "
                          "`ORDERS_KEY_FILE` | not shown | the supplier's |\n"));
    EXPECT_THAT(text, Not(HasSubstr("hidden-key")));
}

TEST(Help, of_a_subcommand_shows_what_it_takes) {
    const auto result = parse({"migrate", "--help"});
    const auto* exit = std::get_if<EarlyExit>(&result);
    ASSERT_NE(exit, nullptr);
    EXPECT_THAT(exit->text, AllOf(HasSubstr("--migrations-dir"), HasSubstr("--status"),
                                  HasSubstr("--database-url"), Not(HasSubstr("--port"))));
}

TEST(Version, is_printed) {
    const auto result = parse({"--version"});
    const auto* exit = std::get_if<EarlyExit>(&result);
    ASSERT_NE(exit, nullptr);
    EXPECT_EQ(exit->status, 0);
    EXPECT_EQ(exit->text, "signalbox 1.2.3 abc\n");
}

TEST(Help, lists_settings_under_their_groups_once) {
    const auto result = parse({"--help"});
    const auto& text = std::get<EarlyExit>(result).text;
    for (const char* heading : {"Listening", "Documents", "Admin listener", "Database",
                                "Migrations", "Time limits", "Limits", "Log", "Subcommands"}) {
        EXPECT_THAT(text, HasSubstr("\n\n" + std::string{heading} + ":\n")) << heading;
    }
    EXPECT_THAT(text, HasSubstr("Usage: signalbox [OPTIONS] [SUBCOMMAND]\n"));
    EXPECT_THAT(text, HasSubstr("--database-share-reads on|off"));
    EXPECT_THAT(text, HasSubstr("DATABASE_URL, DATABASE_URL_FILE, default postgresql://"));
    EXPECT_THAT(text, Not(HasSubstr("\n\n\n")));
    EXPECT_THAT(text, Not(HasSubstr("--no-share-reads")));
    EXPECT_THAT(text, Not(HasSubstr("--request-timeout")));
}

TEST(Help, comes_before_what_is_wrong) {
    for (const std::vector<const char*>& arguments : std::vector<std::vector<const char*>>{
             {"--port", "nonsense", "--help"}, {"migrate", "--status", "-h"}}) {
        const auto result = parse(arguments, {{"SIGNALBOX_HOST", "\n"}, {"DATABASE_URL", "x"}});
        ASSERT_TRUE(std::holds_alternative<EarlyExit>(result));
        EXPECT_EQ(std::get<EarlyExit>(result).status, 0);
    }
}

TEST(FormerNames, go_on_working_and_warn) {
    const auto timeout = accepted({"--request-timeout", "7s"});
    EXPECT_EQ(timeout.config.timeout_request, 7s);
    EXPECT_THAT(timeout.warnings, ElementsAre("--request-timeout has become --timeout-request and "
                                              "goes away in the next version"));
    const auto variable = accepted({}, {{"SIGNALBOX_REQUEST_TIMEOUT", "8s"}});
    EXPECT_EQ(variable.config.timeout_request, 8s);
    EXPECT_THAT(variable.warnings,
                ElementsAre("SIGNALBOX_REQUEST_TIMEOUT has become SIGNALBOX_TIMEOUT_REQUEST and "
                            "goes away in the next version"));

    const auto unshared = accepted({"--no-share-reads"});
    EXPECT_FALSE(unshared.config.database_share_reads);
    EXPECT_THAT(unshared.warnings, ElementsAre(HasSubstr("--database-share-reads on or off")));
    EXPECT_TRUE(accepted({"--no-share-reads=false"}).config.database_share_reads);
    for (const char* on : {"true", "1", "on"}) {
        const auto from = accepted({"serve"}, {{"SIGNALBOX_NO_SHARE_READS", on}});
        EXPECT_FALSE(from.config.database_share_reads) << on;
        EXPECT_THAT(from.warnings, ElementsAre(HasSubstr("SIGNALBOX_DATABASE_SHARE_READS=on or")));
    }
    EXPECT_TRUE(accepted({}, {{"SIGNALBOX_NO_SHARE_READS", "off"}}).config.database_share_reads);
}

TEST(FormerNames, count_less_than_the_new_one_of_their_kind) {
    EXPECT_EQ(
        accepted({"--timeout-request", "7s", "--request-timeout", "9s"}).config.timeout_request,
        7s);
    EXPECT_EQ(accepted({"--request-timeout", "9s"}, {{"SIGNALBOX_TIMEOUT_REQUEST", "7s"}})
                  .config.timeout_request,
              9s);
    const auto both =
        accepted({}, {{"SIGNALBOX_TIMEOUT_REQUEST", "7s"}, {"SIGNALBOX_REQUEST_TIMEOUT", "9s"}});
    EXPECT_EQ(both.config.timeout_request, 7s);
    EXPECT_THAT(both.warnings, testing::IsEmpty());
}

TEST(FormerNames, are_checked_and_named_as_they_were_written) {
    EXPECT_THAT(refused({"--request-timeout", "soon"}), HasSubstr("--request-timeout: \"soon\""));
    EXPECT_THAT(refused({}, {{"SIGNALBOX_REQUEST_TIMEOUT", "0"}}),
                HasSubstr("SIGNALBOX_REQUEST_TIMEOUT: \"0\": expected at least 1ms"));
    EXPECT_THAT(refused({"--no-share-reads=maybe"}), HasSubstr("--no-share-reads: \"maybe\""));
    EXPECT_THAT(refused({}, {{"SIGNALBOX_NO_SHARE_READS", "maybe"}}),
                HasSubstr("SIGNALBOX_NO_SHARE_READS: \"maybe\": expected on"));
    EXPECT_THAT(refused({}, {{"SIGNALBOX_REQUEST_TIMEOUT", "4s"}}),
                HasSubstr("5s is above SIGNALBOX_REQUEST_TIMEOUT (4s)"));
    EXPECT_THAT(refused({"migrate", "--no-share-reads=x"}), HasSubstr("--no-share-reads"));
    EXPECT_THAT(refused({"--request-timeout", "1s", "migrate"}),
                HasSubstr("--request-timeout: is no flag of migrate"));
}

TEST(ListeningSocket, is_a_path_or_a_descriptor) {
    EXPECT_EQ(accepted({"--uds", "/run/api.sock"}).config.uds, "/run/api.sock");
    EXPECT_EQ(accepted({"--fd", "3"}).config.fd, 3);
    EXPECT_EQ(accepted({}, {{"SIGNALBOX_FD", "17"}}).config.fd, 17);
    for (const char* bad : {"2", "-1", "3.5", "2147483648", ""}) {
        EXPECT_THAT(refused({"--fd", bad}), HasSubstr("--fd: \"")) << bad;
    }
    const std::string longest(107, 'x');
    EXPECT_EQ(accepted({"--uds", longest.c_str()}).config.uds, longest);
    EXPECT_THAT(refused({"--uds", (longest + "x").c_str()}), HasSubstr("107 bytes"));
}

TEST(ListeningSocket, excludes_every_other_place_that_is_asked_for) {
    EXPECT_THAT(refused({"--uds", "a", "--fd", "3"}),
                HasSubstr("--uds: --fd is given as well; one of them has to go"));
    EXPECT_THAT(refused({"--uds", "a"}, {{"SIGNALBOX_FD", "3"}}),
                HasSubstr("--uds: SIGNALBOX_FD is given"));
    EXPECT_THAT(refused({"--uds", "a", "--port", "1"}), HasSubstr("--uds: --port is given"));
    EXPECT_THAT(refused({"--fd", "3", "--host", "::"}), HasSubstr("--fd: --host is given"));
    EXPECT_THAT(refused({"--port", "1"}, {{"SIGNALBOX_UDS", "a"}}),
                HasSubstr("SIGNALBOX_UDS: --port is given"));
    // An image sets these for all of its containers.
    EXPECT_EQ(accepted({"--uds", "a"}, {{"SIGNALBOX_HOST", "0.0.0.0"}, {"SIGNALBOX_PORT", "1"}})
                  .config.uds,
              "a");
}

}  // namespace
}  // namespace signalbox::command_line
