#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidjson/document.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <optional>
#include <sstream>
#include <stdexcept>
#include <string>

#include "signalbox/testing/spawn.hpp"
#include "support/eventually.hpp"
#include "support/http_client.hpp"
#include "support/paths.hpp"
#include "support/prometheus.hpp"
#include "support/raw_message.hpp"
#include "support/service.hpp"

namespace signalbox::test {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using testing::StartsWith;

/// A FIFO as standard output of a process, with as little room as the kernel allows. Read only when
/// the test wants to.
class Pipe {
  public:
    Pipe() {
        if (::mkfifo(path_.c_str(), 0600) != 0) throw std::runtime_error("mkfifo");
        // Before the writer, who would wait for somebody to open this end.
        descriptor_ = ::open(path_.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
        if (descriptor_ < 0 || ::fcntl(descriptor_, F_SETPIPE_SZ, 4096) < 0) {
            throw std::runtime_error("cannot open the FIFO");
        }
    }
    ~Pipe() {
        ::close(descriptor_);
        std::error_code ignored;
        fs::remove_all(folder_, ignored);
    }
    Pipe(const Pipe&) = delete;
    Pipe& operator=(const Pipe&) = delete;

    const fs::path& path() const { return path_; }
    const std::string& text() const { return text_; }

    /// What there is now.
    void read() {
        char chunk[65536];
        ssize_t size = 0;
        while ((size = ::read(descriptor_, chunk, sizeof chunk)) > 0)
            text_.append(chunk, static_cast<std::size_t>(size));
    }

    std::size_t count(std::string_view part) const {
        std::size_t found = 0;
        for (std::size_t at = 0; (at = text_.find(part, at)) != std::string::npos; ++at)
            ++found;
        return found;
    }

  private:
    static fs::path new_folder() {
        std::string path = fs::temp_directory_path() / "signalbox-pipe-XXXXXX";
        if (::mkdtemp(path.data()) == nullptr) throw std::runtime_error("mkdtemp");
        return path;
    }

    const fs::path folder_ = new_folder();
    const fs::path path_ = folder_ / "pipe";
    int descriptor_ = -1;
    std::string text_;
};

TEST(LogDrops, are_counted_to_the_line_and_hold_up_no_request) {
    Pipe pipe;
    SpawnOptions options;
    options.arguments = {test::service_binary(),
                         "--port",
                         "0",
                         "--admin-port",
                         "0",
                         "--log-format",
                         "json",
                         "--database-url",
                         database_with_users(0),
                         "--timeout-graceful-shutdown",
                         "30s"};
    options.output = pipe.path();
    options.dies_with_caller = true;
    struct Child {
        pid_t pid;
        ~Child() {
            if (pid == 0) return;
            ::kill(pid, SIGKILL);
            wait_for_exit(pid, 10s);
        }
    } child{spawn(options)};
    const auto port_after = [&pipe](const std::string& label) {
        const std::size_t found = pipe.text().find(label);
        return std::stoi(pipe.text().substr(found + label.size(), 5));
    };
    ASSERT_TRUE(eventually(
        [&] {
            pipe.read();
            return pipe.count("ready: serving on ") == 1 && pipe.text().back() == '\n';
        },
        60s));
    const int port = port_after("serving on http://127.0.0.1:");
    const int admin_port = port_after("admin on http://127.0.0.1:");
    const auto dropped = [admin_port] {
        const auto metrics = get("http://127.0.0.1:" + std::to_string(admin_port) + "/metrics");
        return static_cast<std::size_t>(
            total(parse_metrics(metrics.body), "signalbox_log_messages_dropped_total"));
    };
    EXPECT_EQ(dropped(), 0U);

    // From here on nobody reads. Lines as long as they get, to fill the log's memory with few of
    // them.
    constexpr std::size_t rounds = 1500;
    constexpr std::size_t at_once = 10;
    std::string requests;
    for (std::size_t i = 0; i < at_once; ++i)
        requests += get_bytes("/" + std::string(8000, 'x'));
    RawClient client(port);
    for (std::size_t i = 0; i < rounds; ++i) {
        client.send(requests);
        for (std::size_t n = 0; n < at_once; ++n)
            ASSERT_THAT(client.read_response(), StartsWith("HTTP/1.1 404 "));
    }
    EXPECT_TRUE(eventually([&] { return dropped() > 0; }));

    // And now somebody does, to the end.
    constexpr std::size_t sent = rounds * at_once;
    const auto written = [&pipe] { return pipe.count(R"("body":"request")"); };
    EXPECT_TRUE(eventually(
        [&] {
            pipe.read();
            return written() + dropped() >= sent;
        },
        60s))
        << written() << " written, " << dropped() << " dropped";
    EXPECT_GT(written(), 0U);
    const std::size_t finally_dropped = dropped();
    ASSERT_EQ(::kill(child.pid, SIGTERM), 0);
    std::optional<int> status;
    ASSERT_TRUE(eventually(
        [&] {
            pipe.read();
            return (status = wait_for_exit(child.pid, 0ms)).has_value();
        },
        60s));
    child.pid = 0;
    pipe.read();
    EXPECT_EQ(status, 0);
    EXPECT_EQ(written() + finally_dropped, sent);
    EXPECT_EQ(pipe.count(R"("body":"stopped")"), 1U);

    std::istringstream lines(pipe.text());
    for (std::string line; std::getline(lines, line);) {
        rapidjson::Document document;
        document.Parse(line.c_str());
        ASSERT_TRUE(document.IsObject()) << "not a whole line: " << line.substr(0, 200);
    }
}

}  // namespace
}  // namespace signalbox::test
