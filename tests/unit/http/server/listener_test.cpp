#include "signalbox/http/server/listener.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <optional>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>

#include "signalbox/process/descriptor.hpp"
#include "support/http_client.hpp"
#include "support/socket_pair.hpp"

namespace signalbox::http {
namespace {

namespace fs = std::filesystem;
using process::Descriptor;
using testing::AllOf;
using testing::HasSubstr;
using testing::StartsWith;
using testing::ThrowsMessage;

int option(int socket, int level, int name) {
    int value = -1;
    socklen_t size = sizeof value;
    ::getsockopt(socket, level, name, &value, &size);
    return value;
}

std::string refusal(const Descriptor& descriptor) {
    const auto why = Listener::refusal(descriptor.get());
    return why ? why->reason : "";
}

TEST(Listener, finds_a_free_port_and_says_which) {
    const Listener listener = Listener::tcp("127.0.0.1", 0);
    EXPECT_GT(listener.port(), 0);
    EXPECT_EQ(listener.url(), "http://127.0.0.1:" + std::to_string(listener.port()));
    const test::RawClient client(listener.port());
}

TEST(Listener, names_the_address_that_it_cannot_have) {
    const Listener first = Listener::tcp("127.0.0.1", 0);
    const std::string port = std::to_string(first.port());
    EXPECT_THAT([&] { Listener::tcp("127.0.0.1", first.port()); },
                ThrowsMessage<std::system_error>(HasSubstr("cannot listen on 127.0.0.1:" + port)));
    // TEST-NET-1: nobody has it.
    EXPECT_THAT([] { Listener::tcp("192.0.2.1", 0); },
                ThrowsMessage<std::system_error>(HasSubstr("cannot listen on 192.0.2.1:0")));
}

TEST(Listener, refuses_what_nobody_can_be_accepted_from) {
    Descriptor closed(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    const Descriptor file(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    const Descriptor datagrams(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    const Descriptor netlink(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, 0));
    const Descriptor silent(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const test::SocketPair connected;
    EXPECT_EQ(refusal(file), "is no socket");
    EXPECT_EQ(refusal(datagrams), "is no stream socket");
    EXPECT_EQ(refusal(netlink), "is neither a TCP nor a Unix socket");
    EXPECT_EQ(refusal(silent), "is a socket that does not listen");
    EXPECT_EQ(Listener::refusal(connected.server())->reason, "is a socket that does not listen");
    const int number = closed.get();
    closed.close();
    EXPECT_EQ(Listener::refusal(number)->reason, "is not open");
    EXPECT_THAT([&] { Listener::inherited(number); },
                ThrowsMessage<std::runtime_error>(AllOf(
                    HasSubstr("descriptor " + std::to_string(number)), HasSubstr("is not open"))));
}

TEST(Listener, makes_what_it_inherits_fit_to_be_accepted_from) {
    // As whoever it comes from may have left it.
    Descriptor socket(::socket(AF_INET, SOCK_STREAM, 0));
    ASSERT_EQ(::listen(socket.get(), 1), 0);  // which binds it to a free port
    ASSERT_EQ(Listener::refusal(socket.get()), std::nullopt);
    const Listener listener = Listener::inherited(socket.release());
    EXPECT_TRUE(::fcntl(listener.descriptor(), F_GETFL) & O_NONBLOCK);
    EXPECT_TRUE(::fcntl(listener.descriptor(), F_GETFD) & FD_CLOEXEC);
    EXPECT_EQ(option(listener.descriptor(), SOL_SOCKET, SO_RCVBUF), 2 * Listener::receive_buffer);
    EXPECT_THAT(listener.url(), StartsWith("http://0.0.0.0:"));
}

TEST(Listener, closes_its_own_copy_only) {
    std::optional<Listener> first(Listener::tcp("127.0.0.1", 0));
    const int port = first->port();
    const Listener second = Listener::inherited(::fcntl(first->descriptor(), F_DUPFD_CLOEXEC, 0));
    first->close();
    EXPECT_EQ(first->descriptor(), -1);
    first.reset();
    EXPECT_EQ(second.port(), port);
    const test::RawClient client(port);
}

TEST(Listener, is_left_empty_by_who_takes_it) {
    Listener first = Listener::tcp("127.0.0.1", 0);
    const int descriptor = first.descriptor();
    const Listener second = std::move(first);
    EXPECT_EQ(second.descriptor(), descriptor);
    EXPECT_EQ(first.descriptor(), -1);  // NOLINT(bugprone-use-after-move)
}

TEST(FileIdentity, is_read_as_it_was_written_and_nothing_else_is) {
    const FileIdentity identity{.device = 64769, .inode = 18446744073709551615U};
    EXPECT_EQ(identity.text(), "64769:18446744073709551615");
    EXPECT_EQ(FileIdentity::parse(identity.text()), identity);
    for (const auto* text : {"", ":", "1", "1:", ":1", "1:2:3", "1:2 ", " 1:2", "-1:2", "1:0x2",
                             "1:18446744073709551616"}) {
        EXPECT_EQ(FileIdentity::parse(text), std::nullopt) << text;
    }
}

class UnixListener : public testing::Test {
  protected:
    UnixListener() {
        std::string name = testing::TempDir() + "listener-XXXXXX";
        if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("mkdtemp " + name);
        folder_ = name;
    }
    ~UnixListener() override {
        std::error_code ignored;
        fs::remove_all(folder_, ignored);
    }

    static mode_t mode_of(const fs::path& file) {
        struct stat found {};
        EXPECT_EQ(::stat(file.c_str(), &found), 0);
        return found.st_mode & 07777U;
    }
    /// As a process that was killed leaves it.
    void leave_behind(mode_t mode) const {
        Listener gone = Listener::unix_socket(path());
        gone.give_up_path();
        fs::permissions(path(), fs::perms(mode));
    }

    fs::path path() const { return folder_ / "api.sock"; }

    fs::path folder_;
};

TEST_F(UnixListener, is_for_everybody_and_removes_its_path) {
    {
        const Listener listener = Listener::unix_socket(path());
        EXPECT_EQ(mode_of(path()), 0666U);
        EXPECT_EQ(listener.url(), "unix:" + path().string());
        EXPECT_EQ(listener.port(), 0);
        const test::RawClient client(path());
    }
    EXPECT_FALSE(fs::exists(path()));
}

TEST_F(UnixListener, replaces_what_a_process_that_has_ended_left_and_keeps_its_mode) {
    leave_behind(0600);
    ASSERT_TRUE(fs::is_socket(path()));
    const Listener listener = Listener::unix_socket(path());
    EXPECT_EQ(mode_of(path()), 0600U);
    const test::RawClient client(path());
}

TEST_F(UnixListener, takes_no_path_from_a_process_that_listens) {
    const Listener first = Listener::unix_socket(path());
    EXPECT_THAT([&] { Listener::unix_socket(path()); },
                ThrowsMessage<std::runtime_error>(HasSubstr("another process listens there")));
    const test::RawClient client(path());
}

TEST_F(UnixListener, takes_no_path_of_another_file) {
    std::ofstream(path()) << "precious";
    EXPECT_THAT([&] { Listener::unix_socket(path()); },
                ThrowsMessage<std::runtime_error>(HasSubstr("a file that is no socket")));
    EXPECT_EQ(fs::file_size(path()), 8U);
}

TEST_F(UnixListener, says_what_is_wrong_with_a_path) {
    const fs::path nowhere = folder_ / "missing" / "api.sock";
    EXPECT_THAT(
        [&] { Listener::unix_socket(nowhere); },
        ThrowsMessage<std::system_error>(AllOf(HasSubstr("cannot listen on " + nowhere.string()),
                                               HasSubstr("No such file or directory"))));
    EXPECT_THAT([&] { Listener::unix_socket(folder_ / std::string(108, 'x')); },
                ThrowsMessage<std::runtime_error>(HasSubstr("a path of more than 107 bytes")));
}

TEST_F(UnixListener, removes_a_path_only_while_it_is_that_file) {
    std::optional<Listener> first(Listener::unix_socket(path()));
    fs::remove(path());
    const Listener second = Listener::unix_socket(path());
    first.reset();
    ASSERT_TRUE(fs::exists(path())) << "it is the second one's by now";
    const test::RawClient client(path());
}

TEST_F(UnixListener, hands_its_path_over) {
    std::optional<Listener> first(Listener::unix_socket(path()));
    const auto identity = first->owned_path();
    ASSERT_TRUE(identity);
    {
        Listener second = Listener::inherited(::fcntl(first->descriptor(), F_DUPFD_CLOEXEC, 0));
        EXPECT_EQ(second.owned_path(), std::nullopt) << "nobody said so";
        first->give_up_path();
        first.reset();
        EXPECT_TRUE(fs::exists(path()));
        second.own_path(*identity);
        EXPECT_EQ(second.owned_path(), identity);
        const test::RawClient client(path());
    }
    EXPECT_FALSE(fs::exists(path()));
}

TEST_F(UnixListener, leaves_a_path_alone_that_is_not_the_file_it_was_told_of) {
    std::optional<Listener> first(Listener::unix_socket(path()));
    {
        Listener second = Listener::inherited(::fcntl(first->descriptor(), F_DUPFD_CLOEXEC, 0));
        second.own_path({.device = 1, .inode = 1});
    }
    EXPECT_TRUE(fs::exists(path()));
}

TEST_F(UnixListener, that_removed_its_path_still_has_who_waits) {
    Listener listener = Listener::unix_socket(path());
    test::RawClient client(path());
    listener.remove_path();
    EXPECT_FALSE(fs::exists(path()));
    const Descriptor accepted(::accept(listener.descriptor(), nullptr, nullptr));
    EXPECT_GE(accepted.get(), 0);
}

}  // namespace
}  // namespace signalbox::http
