#include "signalbox/process/service_manager.hpp"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>

#include "support/eventually.hpp"

namespace signalbox::process {
namespace {

/// What systemd is to a service: a datagram socket, and a variable that names it.
class ServiceManager {
  public:
    explicit ServiceManager(const std::string& name) : socket_(::socket(AF_UNIX, SOCK_DGRAM, 0)) {
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        std::memcpy(address.sun_path, name.data(), name.size());
        if (name[0] == '@') address.sun_path[0] = '\0';
        const auto size = offsetof(sockaddr_un, sun_path) + name.size();
        EXPECT_EQ(0, ::bind(socket_, reinterpret_cast<const sockaddr*>(&address),
                            static_cast<socklen_t>(size)));
        ::setenv("NOTIFY_SOCKET", name.c_str(), 1);
    }
    ~ServiceManager() {
        ::unsetenv("NOTIFY_SOCKET");
        ::close(socket_);
    }

    std::string told() const {
        char text[256];
        const auto size = ::recv(socket_, text, sizeof text, MSG_DONTWAIT);
        return size < 0 ? "nothing" : std::string(text, static_cast<std::size_t>(size));
    }

  private:
    const int socket_;
};

TEST(NotifyServiceManager, sends_to_a_socket_in_a_folder) {
    // Not named by our process's number: one that was killed and had the same may have left it.
    std::string folder = std::filesystem::temp_directory_path() / "signalbox-notify-XXXXXX";
    ASSERT_NE(::mkdtemp(folder.data()), nullptr);
    {
        const std::string path = folder + "/socket";
        const ServiceManager manager(path);
        notify_service_manager("READY=1");
        EXPECT_EQ(manager.told(), "READY=1");
        EXPECT_EQ(manager.told(), "nothing");
    }
    std::filesystem::remove_all(folder);
}

TEST(NotifyServiceManager, sends_to_an_abstract_socket) {
    const ServiceManager manager("@signalbox-notify-" + std::to_string(::getpid()));
    notify_service_manager("STOPPING=1");
    EXPECT_EQ(manager.told(), "STOPPING=1");
}

TEST(NotifyServiceManager, does_nothing_where_nobody_asked) {
    ::unsetenv("NOTIFY_SOCKET");
    notify_service_manager("READY=1");
    ::setenv("NOTIFY_SOCKET", "", 1);
    notify_service_manager("READY=1");
    ::unsetenv("NOTIFY_SOCKET");
}

TEST(NotifyServiceManager, says_when_it_cannot) {
    for (const std::string& path : {std::string("/no/such/socket"), std::string(200, 'x')}) {
        ::setenv("NOTIFY_SOCKET", path.c_str(), 1);
        EXPECT_THROW(notify_service_manager("READY=1"), std::system_error) << path;
    }
    ::unsetenv("NOTIFY_SOCKET");
}

TEST(TimeoutExtension, is_told_for_as_long_as_it_lives) {
    const ServiceManager manager("@signalbox-notify-" + std::to_string(::getpid()));
    std::string last;
    {
        const TimeoutExtension extension([](std::string_view why) { ADD_FAILURE() << why; },
                                         std::chrono::milliseconds(20));
        for (int times = 0; times < 3; ++times) {
            ASSERT_TRUE(test::eventually([&] { return (last = manager.told()) != "nothing"; }));
            EXPECT_EQ(last, "EXTEND_TIMEOUT_USEC=60000");
        }
    }
    while (manager.told() != "nothing") {
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    EXPECT_EQ(manager.told(), "nothing");
}

TEST(TimeoutExtension, says_once_why_nobody_can_be_told) {
    ::setenv("NOTIFY_SOCKET", "/nowhere/at/all", 1);
    std::atomic<int> times = 0;
    {
        const TimeoutExtension extension([&](std::string_view) { ++times; },
                                         std::chrono::milliseconds(1));
        EXPECT_TRUE(test::eventually([&] { return times > 0; }));
    }
    ::unsetenv("NOTIFY_SOCKET");
    EXPECT_EQ(times, 1);
}

}  // namespace
}  // namespace signalbox::process
