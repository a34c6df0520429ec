// Files of forms, over real connections: large ones are on disk while they are handled, and nowhere
// afterwards.

#include <asio/this_coro.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <deque>
#include <filesystem>
#include <fstream>
#include <future>
#include <map>
#include <memory>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "signalbox/api/container.hpp"
#include "signalbox/api/module.hpp"
#include "signalbox/async/off_loop.hpp"
#include "signalbox/http/form.hpp"
#include "signalbox/http/server/server.hpp"
#include "signalbox/http/watch/telemetry.hpp"
#include "signalbox/observe/log.hpp"
#include "signalbox/observe/metrics.hpp"
#include "support/eventually.hpp"
#include "support/http_client.hpp"
#include "support/log_lines.hpp"
#include "support/memory_use.hpp"
#include "support/prometheus.hpp"
#include "support/raw_message.hpp"
#include "support/sanitized.hpp"

namespace signalbox::http {
namespace {

using namespace std::chrono_literals;
using test::eventually;
using test::RawClient;
using testing::HasSubstr;
using testing::StartsWith;

constexpr std::size_t MiB = 1024 * 1024;

/// Bytes of which each piece is another, and a sum that tells whether they came in order.
std::string piece(std::size_t number, std::size_t size) {
    std::string bytes(size, '\0');
    for (std::size_t i = 0; i < size; ++i)
        bytes[i] = static_cast<char>((number * 31 + i * 7) % 251);
    return bytes;
}
std::uint64_t add(std::uint64_t sum, std::string_view bytes) {
    for (const char c : bytes)
        sum = (sum ^ static_cast<unsigned char>(c)) * 1099511628211ULL;
    return sum;
}

struct Upload {
    api::Field<std::string> note = "none";
    api::UploadFile file;
    api::Field<std::string> save_as = "";
};
struct Received {
    std::string note;
    std::string filename;
    std::uint64_t size = 0;
    std::string sum;
};

async::Task<Received> take(api::Form<Upload> form) {
    api::UploadFile& file = form->file;
    std::uint64_t sum = 0;
    while (true) {
        async::Task<std::string> reading = file.read(MiB);
        const std::string bytes = co_await std::move(reading);
        if (bytes.empty()) break;
        sum = add(sum, bytes);
    }
    if (!form->save_as->empty()) {
        async::Task<> saving = file.save(*form->save_as);
        co_await std::move(saving);
    }
    Received received;
    received.note = *form->note;
    received.filename = file.filename();
    received.size = file.size();
    received.sum = std::to_string(sum);
    co_return received;
}

async::Task<Received> take_little(api::Form<Upload>) {
    co_return Received{};
}

/// Work on the disk that comes to no end before it turns again.
class Standing final : public async::OffLoopWork {
  public:
    explicit Standing(std::shared_future<void> turns) : turns_(std::move(turns)) {}
    void run() noexcept override { turns_.wait(); }
    void done() override {}

  private:
    const std::shared_future<void> turns_;
};

std::shared_future<void> disk_turns;

/// A disk that takes nothing, as soon as a loop was asked for /stand-still: all threads that this
/// may have for it are stuck there.
class StandingDisk {
  public:
    StandingDisk() { disk_turns = promise_.get_future().share(); }
    ~StandingDisk() {
        if (!turns_) turn();
    }
    StandingDisk(const StandingDisk&) = delete;
    StandingDisk& operator=(const StandingDisk&) = delete;

    void turn() {
        turns_ = true;
        promise_.set_value();
    }

  private:
    std::promise<void> promise_;
    bool turns_ = false;
};

async::Task<std::string> stand_still() {
    const async::Executor executor = co_await asio::this_coro::executor;
    auto& threads = async::OffLoopThreads::of(executor.query(asio::execution::context));
    for (std::size_t i = 0; i < async::OffLoopThreads::most_threads; ++i)
        threads.run(std::make_shared<Standing>(disk_turns));
    co_return "it does";
}

struct Names {
    std::vector<std::string> names;
    std::map<std::string, std::string> others;
};
async::Task<std::size_t> count(Names names) {
    co_return names.names.size() + names.others.size();
}

/// What the server counts for all requests, as this one sees it.
const Server* counting = nullptr;
struct Tags {
    std::vector<std::string> tag;
};
async::Task<std::size_t> held_meanwhile(api::Query<Tags>) {
    co_return counting->buffered().requests;
}
async::Task<std::size_t> held_by_query(api::Query<Tags>) {
    co_return counting->buffered().requests;
}
async::Task<std::size_t> held_by_headers(api::Headers<Tags>) {
    co_return counting->buffered().requests;
}
async::Task<std::size_t> held_by_form(api::Form<Upload>) {
    co_return counting->buffered().requests;
}
async::Task<std::size_t> held_before(api::Depends<held_meanwhile> before) {
    co_return *before;
}

api::Module routes() {
    api::Module module;
    module.post<count>("/count");
    module.get<held_by_query>("/query").get<held_by_headers>("/headers");
    module.get<held_before>("/before").post<held_by_form>("/form");
    module.post<take>("/upload", {.body_limit = 512 * MiB});
    module.post<take_little>("/small", {.body_limit = MiB});
    module.get<stand_still>("/stand-still");
    return module;
}

const std::string begin_of_form =
    "--B\r\nContent-Disposition: form-data; name=\"note\"\r\n\r\nhello\r\n"
    "--B\r\nContent-Disposition: form-data; name=\"file\"; filename=\"../a.bin\"\r\n\r\n";
const std::string end_of_form = "\r\n--B--\r\n";

std::string head(std::string_view path, std::string_view framing) {
    return "POST " + std::string(path) +
           " HTTP/1.1\r\nHost: test\r\nContent-Type: multipart/form-data; boundary=B\r\n" +
           std::string(framing) + "\r\n\r\n";
}
std::string sized_head(std::string_view path, std::size_t content) {
    return head(path, "Content-Length: " +
                          std::to_string(begin_of_form.size() + content + end_of_form.size()));
}

std::size_t open_files() {
    const std::filesystem::directory_iterator all("/proc/self/fd");
    return static_cast<std::size_t>(std::distance(begin(all), end(all)));
}

struct Uploads : testing::TestWithParam<std::size_t> {
    std::filesystem::path folder = [] {
        std::string name = (std::filesystem::temp_directory_path() / "uploads-XXXXXX").string();
        if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("mkdtemp");
        return std::filesystem::path(name);
    }();
    api::Container container{routes()};
    observe::Metrics metrics;
    test::LogFile file;
    observe::Log log{
        {"uploads", "1.2.3"}, config::LogLevel::info, config::LogFormat::json, file.descriptor()};
    Telemetry telemetry{metrics, log, {.access_log = config::AccessLog::all}};
    std::optional<Server> server;

    void start(ServerOptions options = {}) {
        options.workers = GetParam();
        options.upload_dir = folder;
        container.make_services();
        server.emplace(options, container.routes(),
                       [this](auto& loop) { return telemetry.observe(loop); });
        server->listen();
    }
    void TearDown() override {
        server.reset();
        EXPECT_TRUE(std::filesystem::is_empty(folder)) << "something was left behind";
        std::filesystem::remove_all(folder);
    }

    /// What is answered to a file of so many bytes, sent in pieces.
    static std::string upload(RawClient& client, std::size_t size, std::uint64_t* sum) {
        client.send(sized_head("/upload", size) + begin_of_form);
        *sum = 0;
        for (std::size_t sent = 0, number = 0; sent < size; ++number) {
            const std::string bytes = piece(number, std::min(MiB, size - sent));
            *sum = add(*sum, bytes);
            client.send(bytes);
            sent += bytes.size();
        }
        client.send(end_of_form);
        return client.read_response();
    }
    static std::string expected(std::size_t size, std::uint64_t sum) {
        return R"({"note":"hello","filename":"../a.bin","size":)" + std::to_string(size) +
               R"(,"sum":")" + std::to_string(sum) + R"("})";
    }
    /// One body that the disk did not take, for this reason.
    void expect_counted(const std::string& status, std::string_view cause) {
        EXPECT_EQ(server->upload_disk().refused(), 1U);
        const auto lines = [this] {
            return test::log_lines_with(file.text(), "error.type", "upload_disk");
        };
        ASSERT_TRUE(eventually([&] { return lines().size() == 1; })) << file.text();
        EXPECT_EQ(lines().front().text("http.route"), "/upload");
        EXPECT_EQ(lines().front().number("http.response.status_code"), std::stoi(status));
        EXPECT_THAT(lines().front().text("error.message"), HasSubstr(cause));
        EXPECT_EQ(test::total(test::parse_metrics(metrics.text()),
                              "http_server_request_duration_seconds_count",
                              {{"http_route", "/upload"},
                               {"http_response_status_code", status},
                               {"error_type", "upload_disk"}}),
                  1);
    }
    /// So many requests, which were told so, and are over.
    void expect_cut_for_memory(std::size_t requests) {
        const auto lines = [this] {
            return test::log_lines_with(file.text(), "error.type", "limit_buffered");
        };
        ASSERT_TRUE(eventually([&] { return lines().size() == requests; })) << file.text();
        EXPECT_EQ(lines().back().number("http.response.status_code"), 503);
        EXPECT_TRUE(eventually([&] { return server->buffered().requests < 4096; }));
    }
    void expect_nothing_kept() {
        EXPECT_TRUE(eventually([this] { return server->upload_disk().files() == 0; }));
        EXPECT_EQ(server->upload_disk().bytes(), 0U);
    }
};
INSTANTIATE_TEST_SUITE_P(workers, Uploads, testing::Values(1U, 2U));

TEST_P(Uploads, are_in_memory_when_they_are_small) {
    start();
    RawClient client(server->port());
    for (const std::size_t size : {std::size_t{0}, std::size_t{1}, 100 * std::size_t{1024}}) {
        std::uint64_t sum = 0;
        const std::string answer = upload(client, size, &sum);
        EXPECT_EQ(test::body_of(answer), expected(size, sum));
    }
    EXPECT_EQ(server->upload_disk().written(), 0U);
}

TEST_P(Uploads, are_on_disk_when_they_are_large_and_not_in_memory) {
    start();
    RawClient client(server->port());
    std::uint64_t sum = 0;
    upload(client, 2 * MiB, &sum);  // what is needed once is there
    const std::size_t size = test::sanitized ? 40 * MiB : 300 * MiB;
    std::string answer;
    const std::size_t peak = test::peak_of([&] { answer = upload(client, size, &sum); });
    EXPECT_EQ(test::body_of(answer), expected(size, sum));
    if (!test::sanitized) {
        EXPECT_LT(peak, 24 * MiB);
    }
    EXPECT_GT(server->upload_disk().written(), size);
    expect_nothing_kept();
}

TEST_P(Uploads, come_many_at_a_time) {
    start();
    const std::size_t peak = test::peak_of([&] {
        std::vector<std::future<bool>> clients;
        for (int i = 0; i < 20; ++i) {
            clients.push_back(std::async(std::launch::async, [port = server->port()] {
                RawClient client(port);
                std::uint64_t sum = 0;
                const std::string answer = upload(client, 12 * MiB, &sum);
                return test::body_of(answer) == expected(12 * MiB, sum);
            }));
        }
        for (auto& client : clients)
            EXPECT_TRUE(client.get());
    });
    // Each client holds 2 MiB itself, and as much is read at a time.
    if (!test::sanitized) {
        EXPECT_LT(peak, 160 * MiB);
    }
    expect_nothing_kept();
}

TEST_P(Uploads, come_in_chunks_as_well) {
    start();
    RawClient client(server->port());
    client.send(head("/upload", "Transfer-Encoding: chunked"));
    const auto chunk = [&client](const std::string& bytes) {
        std::ostringstream line;
        line << std::hex << bytes.size() << "\r\n";
        client.send(line.str() + bytes + "\r\n");
    };
    chunk(begin_of_form);
    std::uint64_t sum = 0;
    constexpr std::size_t count = 90;
    for (std::size_t number = 0; number < count; ++number) {
        const std::string bytes = piece(number, 33'333);
        sum = add(sum, bytes);
        chunk(bytes);
    }
    chunk(end_of_form);
    // Another request behind it, on the same connection.
    client.send("0\r\n\r\n" + sized_head("/upload", 3) + begin_of_form + "abc" + end_of_form);
    EXPECT_EQ(test::body_of(client.read_response()), expected(count * 33'333, sum));
    EXPECT_EQ(test::body_of(client.read_response()), expected(3, add(0, "abc")));
    EXPECT_GT(server->upload_disk().written(), count * 33'333);
    expect_nothing_kept();
}

TEST_P(Uploads, are_asked_for_by_who_expects_it) {
    start();
    RawClient client(server->port());
    client.send(
        head("/upload", "Expect: 100-continue\r\nContent-Length: " +
                            std::to_string(begin_of_form.size() + 2 * MiB + end_of_form.size())));
    EXPECT_EQ(client.read_until("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
    const std::string bytes = piece(0, 2 * MiB);
    client.send(begin_of_form + bytes + end_of_form);
    EXPECT_EQ(test::body_of(client.read_response()), expected(2 * MiB, add(0, bytes)));
}

TEST_P(Uploads, are_gone_with_a_client_that_leaves) {
    start();
    const std::size_t before = open_files();
    {
        RawClient client(server->port());
        client.send(sized_head("/upload", 100 * MiB) + begin_of_form + piece(0, 3 * MiB));
        EXPECT_TRUE(eventually([this] { return server->upload_disk().written() >= 2 * MiB; }));
        EXPECT_EQ(server->upload_disk().files(), 1U);
        EXPECT_TRUE(std::filesystem::is_empty(folder)) << "it has a name, and a crash leaves it";
    }
    expect_nothing_kept();
    EXPECT_TRUE(eventually([&] { return open_files() == before; }));
}

TEST_P(Uploads, are_gone_with_the_server) {
    start();
    RawClient client(server->port());
    client.send(sized_head("/upload", 100 * MiB) + begin_of_form + piece(0, 3 * MiB));
    EXPECT_TRUE(eventually([this] { return server->upload_disk().written() >= 2 * MiB; }));
    server.reset();
}

TEST_P(Uploads, are_bounded_by_their_route) {
    start();
    RawClient client(server->port());
    client.send(sized_head("/upload", 512 * MiB));
    EXPECT_THAT(client.read_to_end(), StartsWith("HTTP/1.1 413 "));
    RawClient in_chunks(server->port());
    in_chunks.send(head("/small", "Transfer-Encoding: chunked") + "c0000\r\n" + piece(0, 0xc0000) +
                   "\r\n");
    EXPECT_TRUE(eventually([this] { return server->upload_disk().written() > 0; }));
    in_chunks.send("40001\r\n");
    EXPECT_THAT(in_chunks.read_to_end(), StartsWith("HTTP/1.1 413 "));
    expect_nothing_kept();
}

TEST_P(Uploads, are_bounded) {
    start({.limit_upload_disk = 4 * MiB});
    RawClient client(server->port());
    client.send_what_is_taken(sized_head("/upload", 6 * MiB) + begin_of_form + piece(0, 6 * MiB));
    const std::string answer = client.read_to_end();
    EXPECT_THAT(answer, StartsWith("HTTP/1.1 503 "));
    EXPECT_EQ(test::header_of(answer, "Retry-After"), "1");
    EXPECT_EQ(test::body_of(answer),
              R"({"detail":"There is no room for this upload at the moment"})");
    expect_counted("503", "more than --limit-upload-disk, 4194304 bytes");
    expect_nothing_kept();
}

TEST_P(Uploads, have_no_more_text_in_memory_than_there_is_room_for) {
    const auto field = [](std::size_t size) {
        return "--B\r\nContent-Disposition: form-data; name=\"note\"\r\n\r\n" +
               std::string(size, 'x') + "\r\n";
    };
    const std::string large = field(1'000'000);
    const auto send = [&](const std::string& fields) {
        const std::string message = fields + begin_of_form + end_of_form;
        RawClient client(server->port());
        client.send(head("/upload", "Content-Length: " + std::to_string(message.size())) + message);
        return client.read_response();
    };
    start({.limit_buffered = 2 * MiB});
    EXPECT_THAT(send(large + large + large), StartsWith("HTTP/1.1 503 "));
    expect_cut_for_memory(1);
    expect_nothing_kept();
    // There is room for two: the one before may not be over yet, on another loop.
    for (int times = 0; times < 6; ++times)
        EXPECT_EQ(test::body_of(send(field(400'000))), expected(0, add(0, "")));
}

TEST_P(Uploads, of_json_count_with_what_is_made_of_them) {
    // An item is three bytes, and 32 or more as a std::string.
    const auto list = [](std::size_t items) {
        std::string json = R"({"others":{},"names":[)";
        for (std::size_t i = 0; i < items; ++i)
            json.append(i == 0 ? R"("")" : R"(,"")");
        return json + "]}";
    };
    const auto map = [](std::size_t items) {
        std::string json = R"({"names":[],"others":{)";
        for (std::size_t i = 0; i < items; ++i)
            json.append(i == 0 ? "\"" : ",\"").append(std::to_string(i)).append(R"(":"")");
        return json + "}}";
    };
    const auto send = [&](const std::string& body) {
        RawClient client(server->port());
        client.send("POST /count HTTP/1.1\r\nHost: test\r\nContent-Length: " +
                    std::to_string(body.size()) + "\r\n\r\n" + body);
        return client.read_response();
    };
    start({.limit_buffered = 2 * MiB});
    EXPECT_THAT(send(list(60'000)), StartsWith("HTTP/1.1 503 "));
    EXPECT_THAT(send(map(20'000)), StartsWith("HTTP/1.1 503 "));
    expect_cut_for_memory(2);
    // There is room for two: the one before may not be over yet, on another loop.
    for (int times = 0; times < 6; ++times) {
        EXPECT_EQ(test::body_of(send(list(10'000))), "10000");
        EXPECT_EQ(test::body_of(send(map(5'000))), "5000");
    }
}

TEST_P(Uploads, are_not_all_that_counts_with_what_is_made_of_it) {
    start();
    counting = &*server;
    const auto held = [&](const std::string& message) {
        RawClient client(server->port());
        client.send(message);
        return std::stoul(std::string(test::body_of(client.read_response())));
    };
    const auto repeated = [](std::size_t times, std::string_view text) {
        std::string all;
        for (std::size_t i = 0; i < times; ++i)
            all += text;
        return all;
    };
    constexpr std::size_t times = 2000;
    const std::string query = repeated(times, "tag=&");
    EXPECT_LT(held(test::get_bytes("/query?tag=")), 4096U);
    EXPECT_GT(held(test::get_bytes("/query?" + query)), times * sizeof(std::string));
    EXPECT_GT(held(test::get_bytes("/before?" + query)), times * sizeof(std::string));
    constexpr std::size_t lines = 500;
    EXPECT_GT(
        held("GET /headers HTTP/1.1\r\nHost: test\r\n" + repeated(lines, "tag: a\r\n") + "\r\n"),
        lines * (sizeof(std::string) + sizeof(Header)));
    const std::string form =
        repeated(500, "--B\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n\r\n") +
        begin_of_form + end_of_form;
    EXPECT_GT(held(head("/form", "Content-Length: " + std::to_string(form.size())) + form),
              form.size() + 500 * sizeof(FormField));
}

// Whoever sends a little now and then could else keep the disk for as long as he likes.
TEST_P(Uploads, are_bounded_all_together_and_the_slowest_goes) {
    start({.limit_upload_disk = 6 * MiB});
    std::deque<RawClient> hoarders;
    const auto began = std::chrono::steady_clock::now();
    for (int i = 0; i < 4; ++i) {
        hoarders.emplace_back(server->port());
        hoarders.back().send(sized_head("/upload", 100 * MiB) + begin_of_form + piece(0, MiB));
    }
    // Whose rate is not known is spared.
    ASSERT_TRUE(eventually([&] {
        return server->upload_disk().bytes() >= 3 * MiB &&
               std::chrono::steady_clock::now() - began > 500ms;
    }));
    RawClient honest(server->port());
    for (std::uint64_t round = 0; round < 3; ++round) {
        std::uint64_t sum = 0;
        const std::string answer = upload(honest, 5 * MiB, &sum);
        EXPECT_EQ(test::body_of(answer), expected(5 * MiB, sum)) << round;
    }
    EXPECT_GE(server->upload_disk().refused(), 1U);
    EXPECT_TRUE(eventually([this] { return server->upload_disk().files() < 4; }));
    const auto lines = test::log_lines_with(file.text(), "error.type", "upload_disk");
    EXPECT_EQ(lines.size(), server->upload_disk().refused());
    for (const auto& line : lines)
        EXPECT_THAT(line.text("error.message"), HasSubstr("this one came the slowest"));
}

TEST_P(Uploads, say_that_the_disk_is_full) {
    start();
    rlimit usual{};
    ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &usual), 0);
    const rlimit little{.rlim_cur = MiB, .rlim_max = usual.rlim_max};
    ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &little), 0);
    RawClient client(server->port());
    client.send_what_is_taken(sized_head("/upload", 8 * MiB) + begin_of_form + piece(0, 8 * MiB));
    const std::string answer = client.read_to_end();
    ::setrlimit(RLIMIT_FSIZE, &usual);
    EXPECT_THAT(answer, StartsWith("HTTP/1.1 507 "));
    EXPECT_EQ(test::body_of(answer), R"({"detail":"There is no room on disk for this upload"})");
    expect_counted("507", "cannot be written to " + folder.string() + ": File too large");
    expect_nothing_kept();
    RawClient again(server->port());
    std::uint64_t sum = 0;
    const std::string taken = upload(again, 2 * MiB, &sum);
    EXPECT_EQ(test::body_of(taken), expected(2 * MiB, sum));
}

TEST_P(Uploads, are_refused_while_the_disk_stands_still) {
    start({.timeout_request_body = 2s});
    StandingDisk disk;
    RawClient client(server->port());
    client.send(test::get_bytes("/stand-still"));
    ASSERT_EQ(test::status_of(client.read_response()), 200);
    client.send_what_is_taken(sized_head("/upload", 8 * MiB) + begin_of_form + piece(0, 8 * MiB));
    const std::string answer = client.read_response();
    EXPECT_THAT(answer, StartsWith("HTTP/1.1 503 "));
    EXPECT_THAT(answer, HasSubstr("\r\nRetry-After: 1\r\n"));
    EXPECT_EQ(test::body_of(answer), R"({"detail":"Service Unavailable"})");
    expect_counted("503", "the disk of " + folder.string() + " has taken nothing more");
    EXPECT_EQ(server->upload_disk().written(), 0U);
    EXPECT_EQ(server->upload_disk().files(), 1U) << "which is still to be written";
    RawClient other(server->port());
    std::uint64_t sum = 0;
    const std::string small = upload(other, 100 * std::size_t{1024}, &sum);
    EXPECT_EQ(test::body_of(small), expected(100 * std::size_t{1024}, sum)) << "without the disk";
    disk.turn();
    expect_nothing_kept();
    const std::string large = upload(other, 2 * MiB, &sum);
    EXPECT_EQ(test::body_of(large), expected(2 * MiB, sum));
    EXPECT_EQ(server->upload_disk().refused(), 1U);
}

TEST_P(Uploads, are_refused_when_they_are_malformed) {
    start();
    RawClient client(server->port());
    const std::string broken = piece(0, 2 * MiB);
    client.send(
        head("/upload", "Content-Length: " + std::to_string(begin_of_form.size() + broken.size())) +
        begin_of_form + broken);
    const std::string answer = client.read_response();
    EXPECT_EQ(test::status_of(answer), 400);
    EXPECT_EQ(
        test::body_of(answer),
        R"({"detail":"There was an error parsing the body: it ends without the last boundary"})");
    expect_nothing_kept();
}

TEST_P(Uploads, are_no_urlencoded_form) {
    start();
    RawClient client(server->port());
    const std::string fields = "note=x&file=" + std::string(5 * MiB, 'y');
    client.send(
        "POST /upload HTTP/1.1\r\nHost: test\r\nContent-Type: "
        "application/x-www-form-urlencoded\r\nContent-Length: " +
        std::to_string(fields.size()) + "\r\n\r\n" + fields);
    EXPECT_EQ(test::status_of(client.read_response()), 413);
    expect_nothing_kept();
}

TEST_P(Uploads, have_their_time_for_each_piece) {
    start({.timeout_request_body = 3s});
    RawClient client(server->port());
    client.send(sized_head("/upload", 4 * MiB) + begin_of_form);
    std::uint64_t sum = 0;
    for (std::size_t number = 0; number < 4; ++number) {
        const std::string bytes = piece(number, MiB);
        sum = add(sum, bytes);
        client.send(bytes);
        std::this_thread::sleep_for(1s);  // in all more than the 3 s
    }
    client.send(end_of_form);
    EXPECT_EQ(test::body_of(client.read_response()), expected(4 * MiB, sum));
    RawClient silent(server->port());
    silent.send(sized_head("/upload", 4 * MiB) + begin_of_form + piece(0, MiB));
    EXPECT_THAT(silent.read_to_end(), StartsWith("HTTP/1.1 408 "));
    expect_nothing_kept();
}

TEST_P(Uploads, can_be_saved) {
    start();
    for (const std::size_t size : {std::size_t{1000}, 2 * MiB}) {
        SCOPED_TRACE(size);
        const std::filesystem::path saved = folder / "saved";
        const std::string bytes = piece(7, size);
        const std::string form =
            begin_of_form + bytes +
            "\r\n--B\r\nContent-Disposition: form-data; name=\"save_as\"\r\n\r\n" + saved.string() +
            end_of_form;
        RawClient client(server->port());
        client.send(head("/upload", "Content-Length: " + std::to_string(form.size())) + form);
        EXPECT_EQ(test::status_of(client.read_response()), 200);
        std::ifstream file(saved, std::ios::binary);
        const std::string content{std::istreambuf_iterator<char>(file), {}};
        EXPECT_TRUE(content == bytes);
        EXPECT_TRUE(std::filesystem::remove(saved));
    }
    const std::string form = begin_of_form +
                             "\r\n--B\r\nContent-Disposition: form-data; name=\"save_as\"\r\n\r\n" +
                             (folder / "none" / "saved").string() + end_of_form;
    RawClient client(server->port());
    client.send(head("/upload", "Content-Length: " + std::to_string(form.size())) + form);
    EXPECT_EQ(test::status_of(client.read_response()), 500);
}

TEST(UploadFolder, is_looked_at_when_the_server_is_made) {
    api::Container container{routes()};
    container.make_services();
    try {
        const Server server({.upload_dir = "/nonexistent"}, container.routes());
        FAIL() << "there is no such folder";
    } catch (const std::invalid_argument& error) {
        EXPECT_THAT(error.what(), HasSubstr("--upload-dir: no file can be made in /nonexistent"));
    }
    EXPECT_NO_THROW(Server({.upload_dir = "/nonexistent"}, {})) << "nobody takes files";
}

}  // namespace
}  // namespace signalbox::http
