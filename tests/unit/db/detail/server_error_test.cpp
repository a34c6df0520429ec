#include "signalbox/db/detail/server_error.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace signalbox::db {
namespace {

TEST(ServerError, is_one_line_for_the_log) {
    const ServerError error = server_error("ERROR:  a\n\tCONTEXT:  b\n", "22P02");
    EXPECT_EQ(error.message, "ERROR:  a; CONTEXT:  b");
    EXPECT_EQ(error.details.sqlstate, "22P02");
    EXPECT_EQ(error.details.constraint, "");
}

TEST(ServerError, is_utf8) {
    EXPECT_EQ(server_error("FATAL:  r\xf4le", "28000").message, "FATAL:  r\ufffdle");
    EXPECT_EQ(in_one_line("\xe9\n"), "\ufffd");
}

TEST(ThrowError, tells_who_is_to_blame_for_a_character_that_does_not_exist) {
    const auto of = [](const std::string& message) {
        throw_error({.message = message, .details = {.sqlstate = "22P05"}}, false);
    };
    EXPECT_THROW(of("ERROR:  character with byte sequence 0xe2 0x82 0xac in encoding \"UTF8\" has "
                    "no equivalent in encoding \"LATIN1\""),
                 InvalidData);
    EXPECT_THROW(of("ERROR:  unsupported Unicode escape sequence"), InvalidData);
    try {
        of("ERROR:  character with byte sequence 0x81 in encoding \"WIN1252\" has no equivalent in "
           "encoding \"UTF8\"");
    } catch (const Error& error) {
        EXPECT_EQ(typeid(error), typeid(Error));
    }
}

template <class Kind>
void expect_thrown(const std::string& sqlstate, bool writes = true) {
    try {
        throw_error({.message = "why", .details = {.sqlstate = sqlstate, .constraint = "c"}},
                    writes);
    } catch (const std::exception& error) {
        EXPECT_EQ(typeid(error), typeid(Kind)) << sqlstate << " is " << typeid(error).name();
        EXPECT_THAT(error.what(), testing::StartsWith("why"));
        if (const auto* const refused = dynamic_cast<const Error*>(&error)) {
            EXPECT_EQ(refused->sqlstate(), sqlstate);
            EXPECT_EQ(refused->constraint(), "c");
        }
    }
}

TEST(ThrowError, throws_what_the_sqlstate_is) {
    expect_thrown<UniqueViolation>("23505");
    expect_thrown<ExclusionViolation>("23P01");
    expect_thrown<ForeignKeyViolation>("23503");
    expect_thrown<ForeignKeyViolation>("23001");
    expect_thrown<CheckViolation>("23514");
    expect_thrown<NotNullViolation>("23502");
    expect_thrown<ConstraintViolation>("23000");
    expect_thrown<SerializationFailure>("40001");
    expect_thrown<DeadlockDetected>("40P01");
    expect_thrown<LockNotAvailable>("55P03");
    expect_thrown<InvalidData>("22001");
    expect_thrown<InvalidData>("22P02");
    expect_thrown<Error>("22012");
    expect_thrown<Error>("42P01");
    expect_thrown<Error>("");
    expect_thrown<ReadOnly>("25006");
    expect_thrown<Error>("25006", false);
    expect_thrown<Unavailable>("57014");
    expect_thrown<Unavailable>("57P01");
}

}  // namespace
}  // namespace signalbox::db
