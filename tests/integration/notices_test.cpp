// What PostgreSQL and libpq say beside results is in the log, and nowhere else.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "signalbox/testing/postgres.hpp"
#include "support/eventually.hpp"
#include "support/log_lines.hpp"
#include "support/service.hpp"

namespace signalbox::test {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

/// As after an upgrade of the C library: PostgreSQL warns of it at each connect.
std::string database_of_another_collation_version() {
    const std::string url = database_with_users(1);
    execute(url,
            "UPDATE pg_database SET datcollversion = '1.0' WHERE datname = current_database()");
    return url;
}

std::size_t connections_to(const std::string& database) {
    return std::stoul(query_value(database,
                                  "SELECT count(*) FROM pg_stat_activity WHERE datname = "
                                  "current_database() AND pid <> pg_backend_pid()"));
}

/// Throws when there is anything but lines of the log.
std::vector<std::string> warnings(const Process& process) {
    std::vector<std::string> bodies;
    for (const LogLine& line : log_lines(process.output())) {
        if (line.text("severity_text") == "WARN") bodies.push_back(line.text("body"));
    }
    return bodies;
}

TEST(Notices, of_the_server_at_connect_are_one_line_of_the_log) {
    const std::string database = database_of_another_collation_version();
    const Service service(database, {"--database-pool-size", "4"});
    ASSERT_TRUE(eventually([&] { return connections_to(database) == 4; }));
    EXPECT_THAT(warnings(service),
                ElementsAre(AllOf(HasSubstr("collation version"), HasSubstr("database"))));
}

TEST(Notices, of_libpq_itself_are_one_line_of_the_log) {
    const fs::path file =
        fs::temp_directory_path() / ("signalbox-pgpass-" + std::to_string(::getpid()));
    std::ofstream(file) << "*:*:*:*:hunter2\n";
    fs::permissions(file, fs::perms(0644));
    const std::string database = database_with_users(1);
    const Service service(database, {"--database-pool-size", "4"}, {"PGPASSFILE=" + file.string()});
    ASSERT_TRUE(eventually([&] { return connections_to(database) == 4; }));
    EXPECT_THAT(warnings(service),
                ElementsAre(AllOf(HasSubstr("password file"), HasSubstr("group or world access"))));
    fs::remove(file);
}

TEST(Notices, are_said_once_by_a_migration) {
    const std::string database = database_of_another_collation_version();
    const Exit exit = run_signalbox({"migrate", "--status", "--database-url", database});
    EXPECT_EQ(exit.status, 0);
    EXPECT_THAT(exit.output, HasSubstr("collation version"));
    EXPECT_EQ(exit.output.find("collation version"), exit.output.rfind("collation version"));
}

}  // namespace
}  // namespace signalbox::test
