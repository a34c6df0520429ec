#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <variant>
#include <vector>

#include "signalbox/command_line/command_line.hpp"
#include "signalbox/config/settings.hpp"

namespace signalbox::command_line {
namespace {

using namespace std::chrono_literals;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using testing::ThrowsMessage;

enum class Currency { eur, usd };

/// One of each kind.
struct OrderSettings {
    std::string warehouse = "north";
    bool notify = true;
    bool dry_run = false;
    std::size_t page_size = 50;
    int offset = -5;
    std::uint8_t level = 7;
    double discount = 0.25;
    std::chrono::milliseconds patience = 2s;
    std::size_t upload = 1024;
    Currency currency = Currency::eur;
    std::string api_key;
};

config::Settings settings_of(OrderSettings& orders) {
    config::Settings settings("Orders");
    settings.add("--orders-warehouse", orders.warehouse, "where orders go");
    settings.add("--orders-notify", orders.notify, "mail the customer");
    settings.add_switch("--orders-dry-run", orders.dry_run, "order nothing");
    settings.add("--orders-page-size", orders.page_size, "rows of a page", {1, 1000});
    settings.add("--orders-offset", orders.offset, "hours from UTC", {-12, 14});
    settings.add("--orders-level", orders.level, "of detail");
    settings.add("--orders-discount", orders.discount, "of the price", {0, 1});
    settings.add("--orders-patience", orders.patience, "with the supplier", 1ms, 1min);
    settings.add_size("--orders-upload", orders.upload, "of a file", 1, 4096);
    settings.add_choice("--orders-currency", orders.currency,
                        {{"eur", Currency::eur}, {"usd", Currency::usd}}, "of prices");
    settings.add_secret("--orders-api-key", orders.api_key, "of the supplier");
    return settings;
}

const process::Machine machine{.cores = 2,
                               .memory = std::size_t{1} << 30,
                               .open_files = 100'000,
                               .stdout_is_terminal = false,
                               .binary_folder = "/opt/orders/bin"};

class ApplicationSettings : public testing::Test {
  protected:
    std::variant<CommandLine, EarlyExit> parse(std::vector<const char*> arguments,
                                               const Environment& environment = {}) {
        orders = {};
        const config::Program program{.name = "orders",
                                      .version = "3.1",
                                      .description = "Takes orders.",
                                      .settings = settings_of(orders)};
        arguments.insert(arguments.begin(), "orders");
        return command_line::parse(program, static_cast<int>(arguments.size()), arguments.data(),
                                   environment, machine);
    }

    CommandLine accept(const std::vector<const char*>& arguments,
                       const Environment& environment = {}) {
        const auto result = parse(arguments, environment);
        if (const auto* exit = std::get_if<EarlyExit>(&result)) {
            ADD_FAILURE() << exit->text;
            return {};
        }
        return std::get<CommandLine>(result);
    }

    /// The line on standard error, without its end.
    std::string refusal(const std::vector<const char*>& arguments,
                        const Environment& environment = {}) {
        const auto result = parse(arguments, environment);
        const auto* exit = std::get_if<EarlyExit>(&result);
        if (exit == nullptr) {
            ADD_FAILURE() << "was accepted";
            return {};
        }
        EXPECT_EQ(exit->status, 2);
        EXPECT_EQ(std::ranges::count(exit->text, '\n'), 1) << exit->text;
        return exit->text.substr(0, exit->text.find('\n'));
    }

    OrderSettings orders;
};

TEST_F(ApplicationSettings, keep_their_defaults) {
    const auto result = accept({});
    EXPECT_EQ(orders.page_size, 50U);
    EXPECT_EQ(orders.warehouse, "north");
    EXPECT_EQ(orders.patience, 2s);
    EXPECT_TRUE(orders.notify);
    EXPECT_EQ(result.config.program, "orders");
    EXPECT_EQ(result.config.migrations_dir, "/opt/orders/share/orders/migrations");
}

TEST_F(ApplicationSettings, are_read_from_flags) {
    accept({"--orders-warehouse=south",
            "--orders-notify",
            "off",
            "--orders-dry-run",
            "serve",
            "--orders-page-size",
            "1000",
            "--orders-offset",
            "-12",
            "--orders-level=255",
            "--orders-discount",
            "0.5",
            "--orders-patience",
            "1.5s",
            "--orders-upload",
            "4KiB",
            "--orders-currency",
            "usd",
            "--orders-api-key",
            "s3cret"});
    EXPECT_EQ(orders.warehouse, "south");
    EXPECT_FALSE(orders.notify);
    EXPECT_TRUE(orders.dry_run);
    EXPECT_EQ(orders.page_size, 1000U);
    EXPECT_EQ(orders.offset, -12);
    EXPECT_EQ(orders.level, 255);
    EXPECT_EQ(orders.discount, 0.5);
    EXPECT_EQ(orders.patience, 1500ms);
    EXPECT_EQ(orders.upload, 4096U);
    EXPECT_EQ(orders.currency, Currency::usd);
    EXPECT_EQ(orders.api_key, "s3cret");
}

TEST_F(ApplicationSettings, are_read_from_variables_named_after_the_flags) {
    accept({}, {{"ORDERS_WAREHOUSE", "west"},
                {"ORDERS_NOTIFY", "false"},
                {"ORDERS_DRY_RUN", "1"},
                {"ORDERS_PAGE_SIZE", "20"},
                {"ORDERS_OFFSET", "0"},
                {"ORDERS_LEVEL", "0"},
                {"ORDERS_DISCOUNT", "1"},
                {"ORDERS_PATIENCE", "1ms"},
                {"ORDERS_UPLOAD", "1kB"},
                {"ORDERS_CURRENCY", "usd"},
                {"ORDERS_API_KEY", "--s3cret"}});
    EXPECT_EQ(orders.warehouse, "west");
    EXPECT_FALSE(orders.notify);
    EXPECT_TRUE(orders.dry_run);
    EXPECT_EQ(orders.page_size, 20U);
    EXPECT_EQ(orders.offset, 0);
    EXPECT_EQ(orders.level, 0);
    EXPECT_EQ(orders.discount, 1);
    EXPECT_EQ(orders.patience, 1ms);
    EXPECT_EQ(orders.upload, 1000U);
    EXPECT_EQ(orders.currency, Currency::usd);
    EXPECT_EQ(orders.api_key, "--s3cret");

    accept({"--orders-page-size", "3", "--orders-page-size", "4"}, {{"ORDERS_PAGE_SIZE", "bad"}});
    EXPECT_EQ(orders.page_size, 4U);
    accept({}, {{"ORDERS_PAGE_SIZE", ""}});
    EXPECT_EQ(orders.page_size, 50U);
}

// The same check and the same words, whichever way a value comes.
TEST_F(ApplicationSettings, refuse_a_bad_value_from_flag_and_variable_alike) {
    const struct {
        const char* flag;
        const char* variable;
        const char* value;
        const char* reason;
    } cases[] = {
        {"--orders-notify", "ORDERS_NOTIFY", "maybe",
         "\"maybe\": expected on, off, true, false, 1 or 0"},
        {"--orders-dry-run", "ORDERS_DRY_RUN", "2", "\"2\": expected on, off, true, false, 1 or 0"},
        {"--orders-page-size", "ORDERS_PAGE_SIZE", "1001",
         "\"1001\": expected a whole number from 1 to 1000"},
        {"--orders-page-size", "ORDERS_PAGE_SIZE", "0x10",
         "\"0x10\": expected a whole number from 1 to 1000"},
        {"--orders-offset", "ORDERS_OFFSET", "-13",
         "\"-13\": expected a whole number from -12 to 14"},
        {"--orders-offset", "ORDERS_OFFSET", "+1",
         "\"+1\": expected a whole number from -12 to 14"},
        {"--orders-level", "ORDERS_LEVEL", "256", "\"256\": expected a whole number from 0 to 255"},
        {"--orders-discount", "ORDERS_DISCOUNT", "1.01", "\"1.01\": expected a number from 0 to 1"},
        {"--orders-discount", "ORDERS_DISCOUNT", "nan", "\"nan\": expected a number from 0 to 1"},
        {"--orders-patience", "ORDERS_PATIENCE", "0", "\"0\": expected at least 1ms"},
        {"--orders-patience", "ORDERS_PATIENCE", "61s", "\"61s\": expected at most 1m"},
        {"--orders-patience", "ORDERS_PATIENCE", "5", "\"5\": a unit is missing: ms, s, m or h"},
        {"--orders-upload", "ORDERS_UPLOAD", "5KiB", "\"5KiB\": expected 1B to 4KiB"},
        {"--orders-currency", "ORDERS_CURRENCY", "EUR", "\"EUR\": expected one of eur, usd"},
    };
    for (const auto& [flag, variable, value, reason] : cases) {
        const std::string argument = std::string{flag} + '=' + value;
        EXPECT_EQ(refusal({argument.c_str()}), std::string{"orders: "} + flag + ": " + reason);
        EXPECT_EQ(refusal({}, {{variable, value}}),
                  std::string{"orders: "} + variable + ": " + reason);
    }
    EXPECT_EQ(refusal({"--orders-warehouse="}),
              "orders: --orders-warehouse: expected a value, got none");
}

TEST_F(ApplicationSettings, belong_to_serve_alone) {
    EXPECT_THAT(refusal({"migrate", "--orders-page-size", "1"}),
                HasSubstr("--orders-page-size: is no flag of migrate"));
    EXPECT_EQ(accept({"healthcheck"}, {{"ORDERS_PAGE_SIZE", "bad"}}).command, Command::healthcheck);
    EXPECT_EQ(orders.page_size, 50U);
}

TEST_F(ApplicationSettings, stand_in_help_beside_the_library_s) {
    for (const std::vector<const char*>& arguments :
         std::vector<std::vector<const char*>>{{"--help"}, {"serve", "--help"}}) {
        const auto result = parse(arguments);
        const auto* exit = std::get_if<EarlyExit>(&result);
        ASSERT_NE(exit, nullptr);
        EXPECT_EQ(exit->status, 0);
        EXPECT_THAT(exit->text, AllOf(HasSubstr("Usage: orders"), HasSubstr("\n\nOrders:\n"),
                                      HasSubstr("\n\nListening:\n")));
        EXPECT_THAT(
            exit->text,
            AllOf(HasSubstr("--orders-warehouse TEXT"), HasSubstr("where orders go"),
                  HasSubstr("[ORDERS_WAREHOUSE, default north]"),
                  HasSubstr("--orders-notify on|off"), HasSubstr("[ORDERS_NOTIFY, default on]"),
                  HasSubstr("[ORDERS_DRY_RUN, default off]"),
                  HasSubstr("--orders-page-size COUNT")));
        EXPECT_THAT(exit->text,
                    AllOf(HasSubstr("[ORDERS_PAGE_SIZE, default 50]"),
                          HasSubstr("[ORDERS_OFFSET, default -5]"),
                          HasSubstr("[ORDERS_DISCOUNT, default 0.25]"),
                          HasSubstr("--orders-patience DURATION"), HasSubstr("default 2s]"),
                          HasSubstr("[ORDERS_UPLOAD, default 1KiB]"),
                          HasSubstr("--orders-currency eur|usd"), HasSubstr("default eur]"),
                          HasSubstr("[ORDERS_API_KEY, ORDERS_API_KEY_FILE, default none]")));
    }
    EXPECT_THAT(std::get<EarlyExit>(parse({"--help"})).text, HasSubstr("Takes orders.\n"));
    const auto migrate = parse({"migrate", "--help"});
    EXPECT_THAT(std::get<EarlyExit>(migrate).text, Not(HasSubstr("--orders")));
    const auto version = parse({"--version"});
    EXPECT_EQ(std::get<EarlyExit>(version).text, "orders 3.1\n");
    EXPECT_THAT(refusal({"--bogus"}), testing::EndsWith("see orders --help"));
}

TEST_F(ApplicationSettings, read_a_secret_from_a_file_and_show_it_nowhere) {
    std::string name =
        (std::filesystem::temp_directory_path() / "signalbox-secret-XXXXXX").string();
    const std::filesystem::path folder = ::mkdtemp(name.data());
    const std::string file = folder / "key";
    std::ofstream{file} << "  s3cret\n";
    accept({}, {{"ORDERS_API_KEY_FILE", file}});
    EXPECT_EQ(orders.api_key, "s3cret");
    accept({"--orders-api-key", "other"}, {{"ORDERS_API_KEY_FILE", file}});
    EXPECT_EQ(orders.api_key, "other");
    EXPECT_THAT(refusal({}, {{"ORDERS_API_KEY_FILE", file}, {"ORDERS_API_KEY", "s3cret"}}),
                AllOf(HasSubstr("ORDERS_API_KEY_FILE: ORDERS_API_KEY is set as well"),
                      Not(HasSubstr("s3cret"))));
    std::ofstream{file} << "\n";
    EXPECT_THAT(refusal({}, {{"ORDERS_API_KEY_FILE", file}}),
                HasSubstr("ORDERS_API_KEY_FILE: " + file + " is empty"));
    std::filesystem::remove_all(folder);
    EXPECT_THAT(refusal({}, {{"ORDERS_API_KEY_FILE", file}}),
                HasSubstr("ORDERS_API_KEY_FILE: cannot read"));

    std::string key = "s3cret";
    config::Settings settings("Orders");
    settings.add_secret("--orders-api-key", key, "of the supplier");
    const config::Program program{
        .name = "orders", .version = "1", .description = "", .settings = settings};
    const char* arguments[] = {"orders", "--help"};
    const auto help = command_line::parse(program, 2, arguments, {}, machine);
    EXPECT_THAT(std::get<EarlyExit>(help).text,
                AllOf(HasSubstr("default not shown]"), Not(HasSubstr("s3cret"))));
}

void start_with(config::Settings settings) {
    const config::Program program{
        .name = "orders", .version = "1", .description = "", .settings = std::move(settings)};
    const char* name = "orders";
    command_line::parse(program, 1, &name, {}, machine);
}

TEST(SettingNames, that_collide_are_named_at_the_start) {
    std::size_t number = 1;
    const auto starting_with = [&](const char* flag) {
        return [&number, flag] {
            config::Settings settings("Orders");
            settings.add(flag, number, "a number");
            start_with(settings);
        };
    };
    EXPECT_NO_THROW(starting_with("--orders-size")());
    EXPECT_THAT(starting_with("--port"),
                ThrowsMessage<std::logic_error>(
                    HasSubstr("setting --port: --port is the library's, of --port")));
    EXPECT_THAT(starting_with("--request-timeout"),
                ThrowsMessage<std::logic_error>(HasSubstr("the library's, of --timeout-request")));
    EXPECT_THAT(starting_with("--database-url-file"),
                ThrowsMessage<std::logic_error>(
                    HasSubstr("DATABASE_URL_FILE is the library's, of --database-url")));
    EXPECT_THAT(starting_with("--web-concurrency"),
                ThrowsMessage<std::logic_error>(HasSubstr("WEB_CONCURRENCY is the library's")));
    EXPECT_THAT(starting_with("--status"),
                ThrowsMessage<std::logic_error>(HasSubstr("--status is there in every program")));
    EXPECT_THAT(
        starting_with("--signalbox-orders"),
        ThrowsMessage<std::logic_error>(HasSubstr("SIGNALBOX_ORDERS begins with SIGNALBOX_")));
    const auto twice = [&] {
        config::Settings settings("Orders");
        settings.add("--orders-size", number, "a number");
        settings.add("--orders-other", number, "another").variable("ORDERS_SIZE");
        start_with(settings);
    };
    EXPECT_THAT(twice, ThrowsMessage<std::logic_error>(HasSubstr(
                           "ORDERS_SIZE is the application's already, of --orders-size")));
}

TEST(SettingNames, that_are_malformed_are_refused_where_they_are_added) {
    std::size_t number = 1;
    config::Settings settings("Orders");
    for (const char* flag : {"", "-", "--", "---", "orders", "-o", "--Orders", "--orders_size",
                             "--orders-", "--1", "--a b", "--a,--b", "--a=b"}) {
        EXPECT_THROW(settings.add(flag, number, "a number"), std::logic_error) << flag;
    }
    for (const char* variable : {"", "orders", "1_ORDERS", "ORDERS-SIZE", "ORDERS=1"}) {
        EXPECT_THROW(settings.add("--orders-size", number, "a number").variable(variable),
                     std::logic_error)
            << variable;
    }
}

}  // namespace
}  // namespace signalbox::command_line
