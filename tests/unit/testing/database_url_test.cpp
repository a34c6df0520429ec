#include "signalbox/testing/database_url.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <stdexcept>

namespace signalbox::test {
namespace {

using testing::HasSubstr;
using testing::Not;
using testing::ThrowsMessage;

TEST(WithDatabase, names_another_database_of_the_server) {
    EXPECT_EQ(with_database("postgresql://u:p@h:5433/app?sslmode=require", "x"),
              "postgresql://u:p@h:5433/x?sslmode=require");
    EXPECT_EQ(with_database("postgres://h/app", "x"), "postgres://h/x");
    EXPECT_EQ(with_database("postgresql://a,b:1", "x"), "postgresql://a,b:1/x");
    EXPECT_EQ(with_database("postgresql://h?sslmode=require", "x"),
              "postgresql://h/x?sslmode=require");
    EXPECT_EQ(with_database("postgresql:///app?host=/run/postgresql", "x"),
              "postgresql:///x?host=/run/postgresql");
    EXPECT_EQ(with_database("postgresql://?host=/run/postgresql", "x"),
              "postgresql:///x?host=/run/postgresql");
}

TEST(WithDatabase, refuses_what_it_would_misread) {
    for (const auto* url : {"host=h password=secret", "mysql://u:secret@h/app", "secret",
                            "postgresql://u:secret@h/?sslmode=require&dbname=app"}) {
        EXPECT_THAT([url] { with_database(url, "x"); },
                    ThrowsMessage<std::invalid_argument>(Not(HasSubstr("secret"))));
    }
}

}  // namespace
}  // namespace signalbox::test
