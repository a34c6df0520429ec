#include "signalbox/db/detail/sqlstate.hpp"

#include <gtest/gtest.h>

namespace signalbox::db {
namespace {

TEST(UnavailableReason, is_by_sqlstate) {
    EXPECT_EQ(unavailable_reason("57014"), Unavailable::Reason::timeout);
    for (const auto* state : {"57P01", "57P02", "57P03", "53300", "08006"})
        EXPECT_EQ(unavailable_reason(state), Unavailable::Reason::unreachable) << state;
    for (const auto* state : {"42P01", "23505", "40001", "53200", ""})
        EXPECT_EQ(unavailable_reason(state), std::nullopt) << state;
}

}  // namespace
}  // namespace signalbox::db
