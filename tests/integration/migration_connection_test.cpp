// Connecting to a server that is only just starting.

#include "signalbox/db/detail/migration_connection.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "support/loopback_listener.hpp"

namespace signalbox::db {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

struct Refusal {
    std::string_view sqlstate;
    std::string_view message;
};

/// Speaks just enough of PostgreSQL's protocol to refuse one connection after the other, each in
/// its own way. https://www.postgresql.org/docs/current/protocol-message-formats.html
class RefusingServer {
  public:
    explicit RefusingServer(std::vector<Refusal> refusals) {
        url_ = "postgresql://u@127.0.0.1:" + std::to_string(listener_.port()) +
               "/d?sslmode=disable&gssencmode=disable";
        thread_ = std::jthread([listener = listener_.socket(), refusals = std::move(refusals)] {
            for (const auto& refusal : refusals) {
                const int client = ::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
                if (client < 0) return;
                refuse(client, refusal);
                ::close(client);
            }
        });
    }
    ~RefusingServer() {
        ::shutdown(listener_.socket(), SHUT_RDWR);
        thread_.join();
    }
    RefusingServer(const RefusingServer&) = delete;
    RefusingServer& operator=(const RefusingServer&) = delete;

    const std::string& url() const { return url_; }

  private:
    static void refuse(int client, const Refusal& refusal) {
        std::array<char, 1024> start_message;
        if (::recv(client, start_message.data(), start_message.size(), 0) <= 0) return;
        std::string fields;
        for (const auto& [kind, text] :
             {std::pair{'S', std::string_view{"FATAL"}}, std::pair{'C', refusal.sqlstate},
              std::pair{'M', refusal.message}})
            fields.append(1, kind).append(text).append(1, '\0');
        fields += '\0';
        const auto length = static_cast<char>(fields.size() + 4);
        const std::string answer = std::string{"E\0\0\0", 4} + length + fields;
        (void)::send(client, answer.data(), answer.size(), MSG_NOSIGNAL);
    }

    test::LoopbackListener listener_{8};
    std::string url_;
    std::jthread thread_;
};

std::string failure(const RefusingServer& server) {
    try {
        const MigrationConnection connection{{server.url(), 10s, "orders migrate"}};
    } catch (const std::runtime_error& error) {
        return error.what();
    }
    return "no failure";
}

constexpr Refusal starting{"57P03", "the database system is starting up"};
constexpr Refusal wrong{"28P01", "password authentication failed"};

TEST(MigrationConnection, asks_again_when_the_server_got_ready_behind_its_back) {
    // Of each two connections the first is an attempt, the second asks whether it may come.
    const RefusingServer server{{starting, wrong, wrong, wrong}};
    EXPECT_THAT(failure(server), HasSubstr(wrong.message));
}

TEST(MigrationConnection, waits_while_the_server_is_starting) {
    const RefusingServer server{
        {starting, starting, starting, starting, wrong, wrong, wrong, wrong}};
    EXPECT_THAT(failure(server), HasSubstr(wrong.message));
}

}  // namespace
}  // namespace signalbox::db
