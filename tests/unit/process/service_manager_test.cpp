#include "signalbox/process/service_manager.hpp"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <string>
#include <system_error>

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

TEST(notify_service_manager, sends_to_a_socket_in_a_folder) {
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

TEST(notify_service_manager, sends_to_an_abstract_socket) {
    const ServiceManager manager("@signalbox-notify-" + std::to_string(::getpid()));
    notify_service_manager("STOPPING=1");
    EXPECT_EQ(manager.told(), "STOPPING=1");
}

TEST(notify_service_manager, does_nothing_where_nobody_asked) {
    ::unsetenv("NOTIFY_SOCKET");
    notify_service_manager("READY=1");
    ::setenv("NOTIFY_SOCKET", "", 1);
    notify_service_manager("READY=1");
    ::unsetenv("NOTIFY_SOCKET");
}

TEST(notify_service_manager, says_when_it_cannot) {
    for (const std::string& path : {std::string("/no/such/socket"), std::string(200, 'x')}) {
        ::setenv("NOTIFY_SOCKET", path.c_str(), 1);
        EXPECT_THROW(notify_service_manager("READY=1"), std::system_error) << path;
    }
    ::unsetenv("NOTIFY_SOCKET");
}

}  // namespace
}  // namespace signalbox::process
