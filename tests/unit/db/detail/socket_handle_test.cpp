#include "signalbox/db/detail/socket_handle.hpp"

#include <gtest/gtest.h>

#include <optional>
#include <utility>

#include "support/socket_pair.hpp"

namespace signalbox::db {
namespace {

TEST(SocketHandle, cuts_off_a_connection_that_others_have_open) {
    test::SocketPair pair;
    const SocketHandle handle(pair.server());
    pair.send("x");
    handle.shut_down();
    EXPECT_EQ(pair.receive(), std::nullopt) << "the end of the stream";
}

TEST(SocketHandle, reaches_the_connection_when_its_owner_has_closed_the_descriptor) {
    test::SocketPair pair;
    const SocketHandle handle(pair.server());
    pair.close_server();
    pair.send("still open");
    handle.shut_down();
    EXPECT_EQ(pair.receive(), std::nullopt);
}

TEST(SocketHandle, is_one_descriptor_and_gives_it_back) {
    test::SocketPair pair;
    const auto before = test::open_descriptors();
    {
        SocketHandle handle(pair.server());
        EXPECT_EQ(test::open_descriptors(), before + 1);
        SocketHandle moved(std::move(handle));
        EXPECT_EQ(test::open_descriptors(), before + 1);
        moved = SocketHandle(pair.server());
        EXPECT_EQ(test::open_descriptors(), before + 1);
        moved = SocketHandle();
        EXPECT_EQ(test::open_descriptors(), before);
        moved = SocketHandle(pair.server());
    }
    EXPECT_EQ(test::open_descriptors(), before);
}

TEST(SocketHandle, of_nothing_does_nothing) {
    const auto before = test::open_descriptors();
    const SocketHandle none, lost(-1);
    none.shut_down();
    lost.shut_down();
    EXPECT_EQ(test::open_descriptors(), before);
}

}  // namespace
}  // namespace signalbox::db
