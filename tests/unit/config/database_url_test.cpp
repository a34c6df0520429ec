#include "signalbox/config/database_url.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

namespace signalbox::config {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

constexpr std::string_view unreadable = "an unreadable database URL";

TEST(RedactUrl, names_database_and_host) {
    EXPECT_EQ(redact_url("postgresql://db.example.com/signalbox"),
              "signalbox on db.example.com:5432");
    EXPECT_EQ(redact_url("postgres://db:6000/signalbox?sslmode=require"), "signalbox on db:6000");
    EXPECT_EQ(redact_url("host=db port=6000 dbname=signalbox"), "signalbox on db:6000");
    EXPECT_EQ(redact_url("hostaddr=10.0.0.1 dbname=signalbox"), "signalbox on 10.0.0.1:5432");
    EXPECT_EQ(redact_url("postgresql://[::1]:6000/signalbox"), "signalbox on [::1]:6000");
    EXPECT_EQ(redact_url("postgresql:///signalbox?host=/run/postgresql"),
              "signalbox on /run/postgresql");
}

TEST(RedactUrl, lists_several_hosts_with_their_ports) {
    EXPECT_EQ(redact_url("postgresql://a:5432,b:5433,c/signalbox?target_session_attrs=read-write"),
              "signalbox on a:5432, b:5433, c");
    EXPECT_EQ(redact_url("host=a,b port=6000 dbname=signalbox"), "signalbox on a:6000, b:6000");
    EXPECT_EQ(redact_url("postgresql://a,b/signalbox?port=1,2"), "signalbox on a:1, b:2");
}

TEST(RedactUrl, never_shows_user_or_password) {
    for (const std::string_view url : {
             "postgresql://alice:s3cret@db/signalbox",
             "postgresql://alice:s3cret@a,b/signalbox",
             "postgresql://db/signalbox?user=alice&password=s3cret",
             "postgresql://db/signalbox?sslpassword=s3cret&user=alice",
             "host=db dbname=signalbox user=alice password=s3cret",
             "host=db dbname=signalbox user=alice password='s3cret s3cret'",
             "host=db dbname=signalbox user=alice passfile=/etc/s3cret",
         }) {
        const std::string text = redact_url(url);
        EXPECT_THAT(text, Not(HasSubstr("s3cret"))) << url;
        EXPECT_THAT(text, Not(HasSubstr("alice"))) << url;
        EXPECT_THAT(text, HasSubstr("signalbox on ")) << url;
    }
}

TEST(RedactUrl, does_not_echo_what_libpq_cannot_read) {
    for (const std::string_view url : {
             "s3cret",
             "postgresql://alice:s3cret@db/signalbox?s3cret",
             "postgresql://alice:s3cret@db/signalbox?s3cret=1",
             "postgresql://alice:s3%zz@db/signalbox",
             "postgresql://alice@[::1:s3cret/signalbox",
             "host=db password='s3cret",
             "mysql://alice:s3cret@db/signalbox",
         }) {
        EXPECT_EQ(redact_url(url), unreadable) << url;
    }
    EXPECT_EQ(redact_url(std::string_view{"host=db\0 password=s3cret", 24}), unreadable);
}

TEST(RedactUrl, does_not_take_an_unescaped_password_for_a_host) {
    for (const std::string_view url : {
             "postgresql://alice:s3@cret@db/signalbox",
             "postgresql://alice:s3/cret@db/signalbox",
             "postgresql://alice:12/cret@db/signalbox",
             "postgresql://alice:s3:cret/signalbox",
             "dbname='host=db password=s3cret'",
             "dbname=postgresql://alice:s3cret@db/signalbox",
         }) {
        EXPECT_EQ(redact_url(url), unreadable) << url;
        const auto parsed = parse_database_url(url);
        ASSERT_FALSE(parsed) << url;
        EXPECT_THAT(parsed.reason(), Not(HasSubstr("cret"))) << url;
    }
    EXPECT_TRUE(parse_database_url("postgresql://alice:s3%40cret@db/signalbox"));
}

TEST(RedactUrl, fills_in_what_libpq_would) {
    ::setenv("PGHOST", "from-environment", 1);
    ::setenv("PGPORT", "7000", 1);
    ::setenv("PGDATABASE", "elsewhere", 1);
    EXPECT_EQ(redact_url("postgresql://"), "elsewhere on from-environment:7000");
    ::unsetenv("PGHOST");
    ::unsetenv("PGPORT");
    ::unsetenv("PGDATABASE");
}

TEST(ParseDatabaseUrl, keeps_the_text_and_hides_it_when_wrong) {
    const auto good = parse_database_url("postgresql://alice:s3cret@db/signalbox");
    ASSERT_TRUE(good);
    EXPECT_EQ(*good, "postgresql://alice:s3cret@db/signalbox");
    const auto bad = parse_database_url("alice:s3cret@db");
    ASSERT_FALSE(bad);
    EXPECT_THAT(bad.reason(), Not(HasSubstr("s3cret")));
}

std::string refusal(std::string_view url) {
    const auto parsed = parse_database_url(url);
    return parsed ? "" : parsed.reason();
}

TEST(ParseDatabaseUrl, names_the_parameter_that_is_wrong) {
    struct Case {
        std::string parameters;
        std::string named;
    };
    const Case cases[] = {
        {"sslmode=requir", "sslmode: expected disable"},
        {"target_session_attrs=writable", "target_session_attrs: expected any"},
        {"channel_binding=yes", "channel_binding: expected disable"},
        {"ssl_min_protocol_version=TLSv9", "ssl_min_protocol_version"},
        {"connect_timeout=5s", "connect_timeout is no number"},
        {"keepalives_idle=x", "keepalives_idle is no number"},
        {"sslrootcert=/missing/ca.pem", "sslrootcert: the file cannot be read: No such file"},
        {"service=nowhere", "service"},
        {"schema=public", "libpq knows no parameter schema"},
        {"sslmode=require&pgbouncer=true", "libpq knows no parameter pgbouncer"},
    };
    for (const auto& [parameters, named] : cases) {
        const auto why = refusal("postgresql://alice:s3cret@db/signalbox?" + parameters);
        EXPECT_THAT(why, HasSubstr(named)) << parameters;
        EXPECT_THAT(why, Not(HasSubstr("s3cret")));
    }
    EXPECT_THAT(refusal("host=db sslmode=requir"), HasSubstr("sslmode: expected"));
    EXPECT_THAT(refusal("postgresql://db:99999/x"), HasSubstr("port is no number from 1 to 65535"));
    EXPECT_THAT(refusal("host=a,b port=1,2,3"), HasSubstr("port has another number of servers"));
    EXPECT_THAT(refusal("host=a,b hostaddr=10.0.0.1"), HasSubstr("hostaddr has another number"));
    EXPECT_THAT(refusal("postgresql://db/x?hostaddr=db"), HasSubstr("hostaddr is no IP address"));
    EXPECT_THAT(refusal(R"(host=db user='a \' b' schema=x)"), HasSubstr("no parameter schema"));
    EXPECT_THAT(refusal("postgresql://alice:s3cret%@db/x"), HasSubstr("it is %25"));
    EXPECT_THAT(refusal("postgresql://alice:s3cret%@db/x"), Not(HasSubstr("s3cret")));
    EXPECT_THAT(refusal("postgresql://db/x "), HasSubstr("ends with a blank"));
    EXPECT_THAT(refusal(" postgresql://db/x"), HasSubstr("begins with a blank"));
}

TEST(ParseDatabaseUrl, takes_what_libpq_takes) {
    for (const auto* url :
         {"postgresql://", "postgres://a:1,b:2,c/x?target_session_attrs=read-write",
          "postgresql://db/x?sslmode=verify-full&sslrootcert=/etc/hosts",
          "postgresql://db/x?connect_timeout=10&keepalives=0&tcp_user_timeout=15000",
          "postgresql://db/x?ssl=true", "postgresql:///x?host=/run/postgresql&port=6000",
          "postgresql://db/x?options=-c%20search_path%3Da&application_name=it",
          "host=db hostaddr=10.0.0.1 user=alice", "host=db hostaddr=fe80::1%eth0 ",
          "dbname=x password=''"}) {
        EXPECT_EQ(refusal(url), "") << url;
    }
}

TEST(ParseDatabaseUrl, names_the_variable_whose_parameter_is_wrong) {
    ::setenv("PGSSLMODE", "requir", 1);
    EXPECT_THAT(refusal("postgresql://db/x"), HasSubstr("sslmode (of PGSSLMODE): expected"));
    EXPECT_EQ(refusal("postgresql://db/x?sslmode=require"), "");
    ::unsetenv("PGSSLMODE");
}

TEST(ParseDatabaseUrl, says_what_other_libraries_and_shells_have_to_do_with_it) {
    EXPECT_THAT(refusal("postgresql+asyncpg://alice:s3cret@db/x"),
                HasSubstr("the scheme postgresql+asyncpg:// is another library's"));
    EXPECT_THAT(refusal("postgres+psycopg2://alice:s3cret@db/x"), HasSubstr("takes postgresql://"));
    EXPECT_THAT(refusal("jdbc:postgresql://db/x"), HasSubstr("takes postgresql://"));
    EXPECT_THAT(refusal("PostgreSQL://db/x"),
                HasSubstr("the scheme has capitals; libpq takes postgresql://"));
    EXPECT_THAT(
        refusal("mysql://alice:s3cret@db/x"),
        AllOf(HasSubstr("the scheme mysql:// is not PostgreSQL's"), Not(HasSubstr("s3cret"))));
    for (const auto* quoted : {"\"postgresql://alice:s3cret@db/x\"", "'postgresql://db/x'"}) {
        EXPECT_THAT(refusal(quoted), HasSubstr("quotation mark"));
        EXPECT_THAT(refusal(quoted), Not(HasSubstr("s3cret")));
    }
}

// Behind an unescaped `?` or `&` of a password there are names, too.
TEST(ParseDatabaseUrl, names_no_piece_of_a_password) {
    for (const auto* url :
         {"postgresql://alice:pa@ss?secret=1@db/x", "postgresql://alice:pa?secret=1",
          "postgresql://db/x?password=a&secret=b", "postgresql://alice:p/w?secret=1@db/x",
          "host=db password=my secret=x", "secret=x host=db", "secret=", "a:secret://b"}) {
        EXPECT_NE(refusal(url), "") << url;
        EXPECT_THAT(refusal(url), Not(HasSubstr("secret"))) << url;
    }
}

class ReadDatabaseUrl : public testing::Test {
  protected:
    ReadDatabaseUrl() {
        std::string name =
            (std::filesystem::temp_directory_path() / "signalbox-url-XXXXXX").string();
        folder_ = ::mkdtemp(name.data());
    }
    ~ReadDatabaseUrl() override { std::filesystem::remove_all(folder_); }

    std::filesystem::path write(std::string_view content) const {
        std::ofstream{folder_ / "url"} << content;
        return folder_ / "url";
    }

    std::filesystem::path folder_;
};

TEST_F(ReadDatabaseUrl, drops_the_white_space_around) {
    const auto url = read_database_url(write("  postgresql://db/signalbox \r\n\n"));
    ASSERT_TRUE(url) << url.reason();
    EXPECT_EQ(*url, "postgresql://db/signalbox");
}

TEST_F(ReadDatabaseUrl, says_what_is_wrong_with_the_file_and_not_what_is_in_it) {
    EXPECT_THAT(read_database_url(folder_ / "missing").reason(),
                HasSubstr("missing: No such file or directory"));
    EXPECT_THAT(read_database_url(folder_).reason(), HasSubstr(folder_.string()));
    EXPECT_THAT(read_database_url(write(" \n")).reason(), HasSubstr("is empty"));
    const auto garbage = read_database_url(write("s3cret"));
    ASSERT_FALSE(garbage);
    EXPECT_THAT(garbage.reason(), Not(HasSubstr("s3cret")));
}

}  // namespace
}  // namespace signalbox::config
