// A service manager that wants to hear that the process is alive (systemd's WatchdogSec=).

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include "support/eventually.hpp"
#include "support/service.hpp"

namespace signalbox::test {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using testing::Contains;
using testing::Not;
using testing::StartsWith;

/// What systemd is to a service: a datagram socket that tells who sent what.
class ServiceManager {
  public:
    struct Message {
        pid_t sender;
        std::string text;
    };

    ServiceManager() : socket_(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        // The kernel finds a name that nobody has.
        if (::bind(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof(sa_family_t)) != 0)
            throw std::runtime_error("bind");
        socklen_t size = sizeof address;
        ::getsockname(socket_, reinterpret_cast<sockaddr*>(&address), &size);
        name_.assign(address.sun_path, size - offsetof(sockaddr_un, sun_path));
        name_[0] = '@';
        const int on = 1;
        ::setsockopt(socket_, SOL_SOCKET, SO_PASSCRED, &on, sizeof on);
        thread_ = std::thread([this] { run(); });
    }
    ~ServiceManager() {
        over_ = true;
        thread_.join();
        ::close(socket_);
    }
    ServiceManager(const ServiceManager&) = delete;
    ServiceManager& operator=(const ServiceManager&) = delete;

    const std::string& name() const { return name_; }
    std::vector<Message> messages() const {
        const std::lock_guard lock(mutex_);
        return messages_;
    }
    std::size_t count(const std::string& text, pid_t sender) const {
        const auto all = messages();
        return static_cast<std::size_t>(std::count_if(all.begin(), all.end(), [&](auto& message) {
            return message.text == text && message.sender == sender;
        }));
    }
    /// Whether it is told so some more times by this process.
    bool goes_on_hearing(const std::string& text, pid_t sender, std::size_t times = 4) const {
        const std::size_t before = count(text, sender);
        return eventually([&] { return count(text, sender) >= before + times; });
    }

  private:
    void run() {
        while (!over_) {
            pollfd readable{.fd = socket_, .events = POLLIN, .revents = 0};
            if (::poll(&readable, 1, 20) <= 0) continue;
            char text[256];
            alignas(cmsghdr) char control[CMSG_SPACE(sizeof(ucred))];
            iovec part{.iov_base = text, .iov_len = sizeof text};
            msghdr message{};
            message.msg_iov = &part;
            message.msg_iovlen = 1;
            message.msg_control = control;
            message.msg_controllen = sizeof control;
            const ssize_t size = ::recvmsg(socket_, &message, 0);
            const cmsghdr* const header = CMSG_FIRSTHDR(&message);
            if (size < 0 || header == nullptr) continue;
            ucred sender{};
            std::memcpy(&sender, CMSG_DATA(header), sizeof sender);
            const std::lock_guard lock(mutex_);
            messages_.push_back({sender.pid, std::string(text, static_cast<std::size_t>(size))});
        }
    }

    int socket_;
    std::string name_;
    mutable std::mutex mutex_;
    std::vector<Message> messages_;  ///< guarded by mutex_
    std::atomic<bool> over_ = false;
    std::thread thread_;
};

/// Of a process, by its name.
pid_t thread_of(pid_t process, const std::string& name) {
    for (const auto& entry : fs::directory_iterator("/proc/" + std::to_string(process) + "/task")) {
        std::ifstream file(entry.path() / "comm");
        std::string found;
        if (std::getline(file, found) && found == name) return std::stoi(entry.path().filename());
    }
    throw std::runtime_error("there is no thread " + name);
}

/// A thread of a child that does not run while this lives.
class StoppedThread {
  public:
    explicit StoppedThread(pid_t thread) : thread_(thread) {
        if (::ptrace(PTRACE_SEIZE, thread, nullptr, nullptr) != 0) {
            throw std::system_error(errno, std::generic_category(), "ptrace");
        }
        ::ptrace(PTRACE_INTERRUPT, thread, nullptr, nullptr);
        ::waitpid(thread, nullptr, __WALL);
    }
    ~StoppedThread() { ::ptrace(PTRACE_DETACH, thread_, nullptr, nullptr); }
    StoppedThread(const StoppedThread&) = delete;
    StoppedThread& operator=(const StoppedThread&) = delete;

  private:
    const pid_t thread_;
};

/// Kills a process that is nobody's child any more.
class KilledAtEnd {
  public:
    explicit KilledAtEnd(pid_t process) : process_(process) {}
    ~KilledAtEnd() { ::kill(process_, SIGKILL); }
    KilledAtEnd(const KilledAtEnd&) = delete;
    KilledAtEnd& operator=(const KilledAtEnd&) = delete;

  private:
    const pid_t process_;
};

struct Watched : testing::Test {
    const std::string database = database_with_users(1);
    ServiceManager manager;
    const std::string socket = "NOTIFY_SOCKET=" + manager.name();

    std::vector<std::string> texts_of(pid_t sender) const {
        std::vector<std::string> texts;
        for (const auto& message : manager.messages()) {
            if (message.sender == sender) texts.push_back(message.text);
        }
        return texts;
    }
};

TEST_F(Watched, is_told_of_while_it_serves_and_while_it_drains) {
    Service service(database, {"--shutdown-delay", "2m"}, {socket, "WATCHDOG_USEC=300000"});
    EXPECT_TRUE(manager.goes_on_hearing("WATCHDOG=1", service.pid()));
    service.signal(SIGTERM);
    ASSERT_TRUE(eventually([&] { return manager.count("STOPPING=1", service.pid()) == 1; }));
    EXPECT_TRUE(manager.goes_on_hearing("WATCHDOG=1", service.pid()));
    service.signal(SIGINT);
    ASSERT_TRUE(service.wait_for_exit());
}

TEST_F(Watched, is_not_told_of_while_a_loop_stands_still) {
    const Service service(database, {"--workers", "2"}, {socket, "WATCHDOG_USEC=300000"});
    ASSERT_TRUE(manager.goes_on_hearing("WATCHDOG=1", service.pid()));
    std::optional<StoppedThread> stopped(thread_of(service.pid(), "http-loop-1"));
    std::size_t heard = 0;
    EXPECT_TRUE(eventually([&] {
        const std::size_t before = manager.count("WATCHDOG=1", service.pid());
        std::this_thread::sleep_for(1s);  // ten times in this, if it went on
        heard = manager.count("WATCHDOG=1", service.pid()) - before;
        return heard == 0;
    })) << heard;
    stopped.reset();
    EXPECT_TRUE(manager.goes_on_hearing("WATCHDOG=1", service.pid()));
}

TEST_F(Watched, is_not_told_of_where_the_manager_does_not_ask) {
    const std::string mine = std::to_string(::getpid());
    for (const std::vector<std::string>& environment :
         {std::vector<std::string>{socket},
          {socket, "WATCHDOG_USEC=100000", "WATCHDOG_PID=" + mine}}) {
        const Service service(database, {}, environment);
        EXPECT_TRUE(eventually([&] { return manager.count("READY=1", service.pid()) == 1; }));
        std::this_thread::sleep_for(500ms);  // nothing to wait for: it is not told
        EXPECT_THAT(texts_of(service.pid()), Not(Contains("WATCHDOG=1")));
    }
}

TEST_F(Watched, is_its_successor_after_a_reload) {
    Service service(database, {}, {socket, "WATCHDOG_USEC=300000"});
    ASSERT_TRUE(manager.goes_on_hearing("WATCHDOG=1", service.pid()));
    service.signal(SIGHUP);
    std::optional<pid_t> successor;
    ASSERT_TRUE(eventually([&] {
        for (const std::string& text : texts_of(service.pid())) {
            if (text.starts_with("MAINPID=")) successor = std::stoi(text.substr(8));
        }
        return successor.has_value();
    }));
    const KilledAtEnd at_the_latest(*successor);
    EXPECT_TRUE(manager.goes_on_hearing("WATCHDOG=1", *successor));
    // Only the main process is heard, so the old one is silent while it drains.
    const auto told = texts_of(service.pid());
    EXPECT_THAT(told.back(), StartsWith("MAINPID="));
    ::kill(*successor, SIGTERM);
    EXPECT_TRUE(eventually([&] { return manager.count("STOPPING=1", *successor) == 1; }));
    ASSERT_TRUE(service.wait_for_exit());
}

TEST(Watchdog, variables_that_make_no_sense_are_bad_usage) {
    for (const std::string variable : {"WATCHDOG_USEC=0", "WATCHDOG_USEC=30s"}) {
        const Exit exit = run_signalbox({}, {variable});
        EXPECT_EQ(exit.status, 2) << exit.output;
        EXPECT_THAT(exit.output, testing::HasSubstr("WATCHDOG_USEC: "));
    }
    const Exit exit = run_signalbox({}, {"WATCHDOG_USEC=1000000", "WATCHDOG_PID=me"});
    EXPECT_EQ(exit.status, 2) << exit.output;
    EXPECT_THAT(exit.output, testing::HasSubstr("WATCHDOG_PID: "));
}

}  // namespace
}  // namespace signalbox::test
