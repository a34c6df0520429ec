#include "signalbox/db/detail/connection_settings.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <libpq-fe.h>

#include <cstdlib>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>

namespace signalbox::db {
namespace {

using namespace std::chrono_literals;

// What libpq will understand.
std::map<std::string, std::string> settings(const ConnectionOptions& options) {
    const std::unique_ptr<PQconninfoOption, decltype(&PQconninfoFree)> parsed{
        PQconninfoParse(connection_settings(options).c_str(), nullptr), PQconninfoFree};
    EXPECT_TRUE(parsed);
    std::map<std::string, std::string> result;
    for (const auto* option = parsed.get(); option != nullptr && option->keyword; ++option) {
        if (option->val != nullptr) result[option->keyword] = option->val;
    }
    return result;
}

const std::string read_only = "-c default_transaction_read_only=on ";
const std::string forms =
    " -c IntervalStyle=postgres -c extra_float_digits=1 -c bytea_output=hex -c array_nulls=on";

std::string limits(int statement_timeout) {
    return "-c statement_timeout=" + std::to_string(statement_timeout) +
           " -c idle_in_transaction_session_timeout=0 -c lock_timeout=0 -c idle_session_timeout=0";
}

TEST(ConnectionSettings, fill_in_what_the_url_leaves_open) {
    const auto found = settings({.url = "postgresql://localhost/signalbox",
                                 .application_name = "orders",
                                 .connect_timeout = 2500ms,
                                 .query_timeout = 1500ms});
    const std::map<std::string, std::string> expected{
        {"host", "localhost"},
        {"dbname", "signalbox"},
        {"client_encoding", "UTF8"},
        {"connect_timeout", "3"},
        {"fallback_application_name", "orders"},
        {"keepalives", "1"},
        {"keepalives_count", "3"},
        {"keepalives_idle", "15"},
        {"keepalives_interval", "5"},
        {"options", read_only + limits(1500) + forms},
        {"tcp_user_timeout", "15000"},
    };
    EXPECT_EQ(found, expected);
}

TEST(ConnectionSettings, what_the_url_says_wins) {
    const auto found = settings(
        {.url =
             "postgresql://me@db1:5433,db2/d?connect_timeout=9&keepalives_idle=7&tcp_user_timeout=0"
             "&application_name=mine&target_session_attrs=read-write"
             "&options=-c%20statement_timeout%3D1s%20-c%20work_mem%3D1MB"});
    EXPECT_EQ(found.at("host"), "db1,db2");
    EXPECT_EQ(found.at("port"), "5433,");
    EXPECT_EQ(found.at("connect_timeout"), "9");
    EXPECT_EQ(found.at("keepalives_idle"), "7");
    EXPECT_EQ(found.at("tcp_user_timeout"), "0");
    EXPECT_EQ(found.at("application_name"), "mine");
    EXPECT_EQ(found.at("target_session_attrs"), "read-write");
    // PostgreSQL takes the last: the user's limits, but the forms that we read.
    EXPECT_EQ(found.at("options"),
              limits(5000) + " -c statement_timeout=1s -c work_mem=1MB" + forms);
}

TEST(ConnectionSettings, of_migrations_know_no_limit_that_the_url_names) {
    const auto found =
        settings({.url = "host=h options='-c statement_timeout=1s'", .migrates = true});
    EXPECT_EQ(found.at("options"), "-c statement_timeout=1s " + limits(0) + forms);
}

TEST(ConnectionSettings, say_only_what_the_server_knows) {
    const auto options_for = [](int version) {
        ConnectionOptions options{.url = "host=h"};
        options.server_version = version;
        return settings(options).at("options");
    };
    EXPECT_EQ(options_for(130000).find("idle_session_timeout"), std::string::npos);
    EXPECT_NE(options_for(150004).find("idle_session_timeout=0"), std::string::npos);
    EXPECT_EQ(options_for(160000).find("transaction_timeout=0"), std::string::npos);
    EXPECT_NE(options_for(170000).find("-c transaction_timeout=0"), std::string::npos);
}

TEST(ConnectionSettings, for_one_transaction_are_all_local) {
    const auto local = local_settings({.url = "", .query_timeout = 1500ms});
    EXPECT_THAT(local, testing::ElementsAre(
                           "SET LOCAL statement_timeout = '1500'",
                           "SET LOCAL idle_in_transaction_session_timeout = '0'",
                           "SET LOCAL lock_timeout = '0'", "SET LOCAL TimeZone = 'UTC'",
                           "SET LOCAL DateStyle = 'ISO'", "SET LOCAL IntervalStyle = 'postgres'",
                           "SET LOCAL extra_float_digits = '1'", "SET LOCAL bytea_output = 'hex'",
                           "SET LOCAL array_nulls = 'on'"));
    ConnectionOptions newer{.url = ""};
    newer.server_version = 170000;
    EXPECT_THAT(local_settings(newer), testing::Contains("SET LOCAL transaction_timeout = '0'"));
    EXPECT_EQ(behind_begin({"SET LOCAL a = '1'", "SET LOCAL b = '2'"}),
              "; SET LOCAL a = '1'; SET LOCAL b = '2'");
    EXPECT_EQ(behind_begin({}), "");
}

TEST(ConnectionSettings, refuse_a_url_that_libpq_would_read_in_part) {
    EXPECT_THROW(
        static_cast<void>(connection_settings({.url = std::string("host=h\0 port=1", 14)})),
        std::invalid_argument);
}

TEST(ConnectionSettings, without_prepare_send_no_options) {
    EXPECT_FALSE(settings({.url = "postgresql://h/d", .prepare = false}).contains("options"));
    EXPECT_EQ(settings({.url = "host=h options='-c a.b=c'", .prepare = false}).at("options"),
              "-c a.b=c");
}

TEST(ConnectionSettings, always_ask_for_utf8) {
    EXPECT_EQ(settings({.url = "host=h client_encoding=LATIN1"}).at("client_encoding"), "UTF8");
}

TEST(ConnectionSettings, ask_for_no_encoding_where_the_database_has_none) {
    ConnectionOptions options{.url = "host=h"};
    options.sql_ascii = true;
    EXPECT_EQ(settings(options).at("client_encoding"), "SQL_ASCII");
}

TEST(ConnectionSettings, respect_the_environment_of_libpq) {
    ::setenv("PGCONNECT_TIMEOUT", "11", 1);
    ::setenv("PGOPTIONS", "-c work_mem=2MB", 1);
    const auto found = settings({.url = "host=h"});
    const auto explicit_options = settings({.url = "host=h options='-c a.b=c'"});
    ::unsetenv("PGCONNECT_TIMEOUT");
    ::unsetenv("PGOPTIONS");
    EXPECT_FALSE(found.contains("connect_timeout"));
    EXPECT_EQ(found.at("options"), read_only + limits(5000) + " -c work_mem=2MB" + forms);
    EXPECT_EQ(explicit_options.at("options"), read_only + limits(5000) + " -c a.b=c" + forms);
}

TEST(ConnectionSettings, do_not_mislead_libpq_about_which_servers_can_be_written_to) {
    for (const std::string target : {"read-write", "read-only"}) {
        const ConnectionOptions options{.url = "host=h target_session_attrs=" + target};
        EXPECT_THAT(settings(options).at("options"), testing::Not(testing::HasSubstr("read_only")));
        EXPECT_TRUE(is_read_only_by_set(options));
    }
    EXPECT_FALSE(is_read_only_by_set({.url = "host=h target_session_attrs=prefer-standby"}));
    EXPECT_FALSE(
        is_read_only_by_set({.url = "host=h target_session_attrs=read-write", .prepare = false}));
}

TEST(ConnectionSettings, keep_every_character_of_a_password) {
    EXPECT_EQ(settings({.url = "postgresql://u:%40%3a%2F%3f%25%20%27%5C@h/d"}).at("password"),
              R"(@:/?% '\)");
    EXPECT_EQ(settings({.url = "postgresql://u:[a?b@h/d"}).at("password"), "[a?b");
    EXPECT_EQ(settings({.url = R"(host=h password='it\'s \\ ')"}).at("password"), R"(it's \ )");
    EXPECT_EQ(settings({.url = "postgresql:///d?host=/tmp/x&password=a@b"}).at("password"), "a@b");
}

TEST(ConnectionSettings, never_quote_a_password_that_was_misread) {
    for (const std::string url :
         {"postgresql://user:x@secret@host/db", "postgresql://user:secret/x@host/db",
          "postgresql://user:12/secret@host/db", "postgresql://user:secret%zz@host/db",
          "postgresql://user:secret/db", "user=u password=x secret", "secret"}) {
        try {
            ADD_FAILURE() << url << " was read as " << connection_settings({.url = url});
        } catch (const std::invalid_argument& error) {
            EXPECT_EQ(std::string{error.what()}.find("secret"), std::string::npos) << url;
        }
    }
}

}  // namespace
}  // namespace signalbox::db
