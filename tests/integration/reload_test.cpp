// SIGHUP: another process takes over, and nobody notices. And sockets that somebody else has made.

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <sstream>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "signalbox/testing/held_port.hpp"
#include "signalbox/testing/postgres.hpp"
#include "signalbox/testing/spawn.hpp"
#include "support/database_faults.hpp"
#include "support/eventually.hpp"
#include "support/http_client.hpp"
#include "support/log_lines.hpp"
#include "support/paths.hpp"
#include "support/prometheus.hpp"
#include "support/raw_message.hpp"
#include "support/service.hpp"
#include "support/users_stream.hpp"

namespace signalbox::test {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::StartsWith;

class Folder {
  public:
    Folder() {
        std::string name = fs::temp_directory_path() / "signalbox-reload-XXXXXX";
        if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("mkdtemp " + name);
        path_ = name;
    }
    ~Folder() {
        std::error_code ignored;
        fs::remove_all(path_, ignored);
    }
    Folder(const Folder&) = delete;
    Folder& operator=(const Folder&) = delete;

    fs::path operator/(const std::string& name) const { return path_ / name; }

  private:
    fs::path path_;
};

std::string content(const fs::path& file) {
    std::ifstream stream(file);
    return {std::istreambuf_iterator<char>(stream), {}};
}

bool exists(pid_t pid) {
    return fs::exists("/proc/" + std::to_string(pid));
}

std::size_t open_files(pid_t pid) {
    const fs::path folder = "/proc/" + std::to_string(pid) + "/fd";
    return static_cast<std::size_t>(
        std::distance(fs::directory_iterator(folder), fs::directory_iterator()));
}

/// Once they have been as many for half a second: a connection has a second descriptor, and the
/// database knows of it before that is there.
std::size_t settled_open_files(pid_t pid) {
    std::size_t count = open_files(pid);
    auto since = std::chrono::steady_clock::now();
    eventually([&] {
        const std::size_t now = open_files(pid);
        if (std::exchange(count, now) != now) since = std::chrono::steady_clock::now();
        return std::chrono::steady_clock::now() - since > 500ms;
    });
    return count;
}

/// The first child of a process, once it has one.
pid_t child_of(pid_t parent) {
    const std::string number = std::to_string(parent);
    pid_t child = 0;
    eventually([&] {
        std::istringstream(content("/proc/" + number + "/task/" + number + "/children")) >> child;
        return child > 0;
    });
    return child;
}

std::vector<pid_t> successors_in(const std::string& log) {
    std::vector<pid_t> pids;
    constexpr std::string_view says = "handed over to process ";
    for (const LogLine& line : log_lines(log)) {
        const std::string body = line.text("body");
        if (body.starts_with(says)) pids.push_back(std::stoi(body.substr(says.size())));
    }
    return pids;
}

/// Ends a process and all that came after it, which are in its group, also when this one is killed.
class Keeper {
  public:
    explicit Keeper(pid_t leader) {
        // Whose parent has ended is ours to wait for.
        ::prctl(PR_SET_CHILD_SUBREAPER, 1);
        int ends[2];
        if (::pipe2(ends, O_CLOEXEC) != 0) throw std::runtime_error("pipe2");
        SpawnOptions options;
        options.arguments = {"/bin/sh", "-c", "cat; kill -s KILL -- -" + std::to_string(leader)};
        options.input = ends[0];
        shell_ = spawn(options);
        ::close(ends[0]);
        alive_ = ends[1];
    }
    ~Keeper() {
        ::close(alive_);
        test::wait_for_exit(shell_, 60s);
    }
    Keeper(const Keeper&) = delete;
    Keeper& operator=(const Keeper&) = delete;

  private:
    pid_t shell_ = 0;
    int alive_ = -1;
};

/// A binary that can be replaced: for a start it leads to the real one.
class Binary {
  public:
    Binary() { install(real()); }

    const fs::path& path() const { return path_; }
    static std::string real() { return "#!/bin/sh\nexec " + service_binary() + " \"$@\"\n"; }
    /// As an update does it: the new file takes the old one's name.
    void install(const std::string& text, bool executable = true) {
        const fs::path next = folder_ / "next";
        std::ofstream(next) << text;
        fs::permissions(next, executable ? fs::perms(0755) : fs::perms(0644));
        fs::rename(next, path_);
    }
    fs::path beside(const std::string& name) const { return folder_ / name; }

  private:
    Folder folder_;
    const fs::path path_ = folder_ / "signalbox";
};

/// A service and the processes that take over from it, one after the other.
class Generations {
  public:
    Generations(const std::string& database, const std::vector<std::string>& arguments = {},
                const std::vector<std::string>& environment = {},
                const std::vector<std::string>& command = {service_binary()}) {
        first_.emplace(database, arguments, environment, Limits{}, command);
        on_duty_ = first_->pid();
        keeper_.emplace(on_duty_);
    }
    Generations(const Generations&) = delete;
    Generations& operator=(const Generations&) = delete;

    const Service& service() const { return *first_; }
    pid_t on_duty() const { return on_duty_; }
    /// The lines of all of them. One that cannot start says so in plain words.
    std::string log() const {
        std::istringstream output(first_->output());
        std::string lines;
        // The last one may be read while it is written.
        for (std::string line; std::getline(output, line) && !output.eof();) {
            if (line.starts_with('{')) lines += line + '\n';
        }
        return lines;
    }
    void signal(int number) const { ::kill(on_duty_, number); }

    /// Waits for a reload that was asked for: for the end of the process that was on duty, which
    /// has to be a good one.
    void await_reload() {
        ++reloads_;
        if (!eventually([&] { return successors_in(log()).size() >= reloads_; }, 60s)) {
            throw std::runtime_error("nobody has taken over: " + log());
        }
        const pid_t next = successors_in(log())[reloads_ - 1];
        EXPECT_EQ(wait_for_exit_of_the_one_on_duty(), 0) << log();
        on_duty_ = next;
    }
    void reload() {
        signal(SIGHUP);
        await_reload();
    }
    /// Ends the last one by SIGTERM. Returns its exit status.
    int stop() {
        signal(SIGTERM);
        return wait_for_exit_of_the_one_on_duty();
    }
    int wait_for_exit_of_the_one_on_duty() {
        if (on_duty_ == first_->pid()) {
            const auto exit = first_->wait_for_exit(60s);
            return exit ? exit->status : -2;
        }
        const auto status = test::wait_for_exit(on_duty_, 60s);
        return status && WIFEXITED(*status) ? WEXITSTATUS(*status) : -2;
    }
    std::size_t lines_with(std::string_view text) const {
        std::size_t count = 0;
        for (const LogLine& line : log_lines(log()))
            count += line.text("body").find(text) != std::string::npos ? 1 : 0;
        return count;
    }
    bool says(std::string_view text) const {
        return eventually([&] { return lines_with(text) > 0; }, 30s);
    }
    /// What the process on duty counts.
    double reloads(const std::string& result) const {
        return service().metric("signalbox_reloads_total", {{"result", result}});
    }
    void expect_served() const {
        EXPECT_EQ(get(service().url("/users")).status, 200);
        EXPECT_EQ(get(service().admin_url("/readyz")).status, 200);
    }

  private:
    std::optional<Service> first_;
    std::optional<Keeper> keeper_;
    pid_t on_duty_ = 0;
    std::size_t reloads_ = 0;
};

struct Reload : testing::Test {
    const std::string database = database_with_users(3);
};

/// Clients that go on asking for the same, and want 200 every time.
class Clients {
  public:
    ~Clients() { stop(); }

    /// Each on a connection that it keeps.
    void keep_alive(int port, const std::string& path) {
        threads_.emplace_back([this, port, path] {
            std::optional<RawClient> connection;
            while (!done_) {
                ask(port, path, connection);
                std::this_thread::sleep_for(1ms);  // the machine has other things to do
            }
        });
    }
    /// Each request on a connection of its own.
    void connect_anew(int port, const std::string& path) {
        threads_.emplace_back([this, port, path] {
            while (!done_) {
                std::optional<RawClient> connection;
                ask(port, path, connection);
                std::this_thread::sleep_for(1ms);
            }
        });
    }
    void stop() {
        done_ = true;
        for (auto& thread : threads_)
            thread.join();
        threads_.clear();
    }
    /// By path.
    std::map<std::string, int> answered() const {
        const std::lock_guard lock(mutex_);
        return answered_;
    }
    std::vector<std::string> failures() const {
        const std::lock_guard lock(mutex_);
        return failures_;
    }

  private:
    void ask(int port, const std::string& path, std::optional<RawClient>& connection) {
        const bool kept = connection.has_value();
        try {
            if (!kept) connection.emplace(port);
            connection->send(get_bytes(path));
            const std::string response = connection->read_response();
            const std::lock_guard lock(mutex_);
            if (status_of(response) == 200) {
                ++answered_[path];
            } else {
                failures_.push_back(path + ": " + response);
            }
            if (header_of(response, "Connection") == "close") connection.reset();
        } catch (const std::runtime_error& error) {
            connection.reset();
            // A server may close a connection between requests at any time, and its client tries
            // once more on a new one (RFC 9112, section 9.3.1). But not within an answer.
            const std::string what = error.what();
            const bool within = what.find("HTTP/1.1") != std::string::npos ||
                                what.find("body") != std::string::npos;
            if (!kept || within) {
                const std::lock_guard lock(mutex_);
                failures_.push_back(path + ": " + what);
            } else {
                ask(port, path, connection);
            }
        }
    }

    mutable std::mutex mutex_;
    std::map<std::string, int> answered_;
    std::vector<std::string> failures_;
    std::atomic<bool> done_ = false;
    std::vector<std::thread> threads_;
};

/// The most sessions that the service ever had in PostgreSQL.
class MostSessions {
  public:
    explicit MostSessions(const std::string& database)
        : thread_([this, database] {
              while (!done_)
                  most_ = std::max(most_, sessions_of_the_service(database));
          }) {}
    ~MostSessions() { stop(); }
    int stop() {
        done_ = true;
        if (thread_.joinable()) thread_.join();
        return most_;
    }

  private:
    std::atomic<bool> done_ = false;
    int most_ = 0;
    std::thread thread_;
};

struct ReloadUnderLoad : Reload, testing::WithParamInterface<const char*> {};
INSTANTIATE_TEST_SUITE_P(Workers, ReloadUnderLoad, testing::Values("1", "2"));

TEST_P(ReloadUnderLoad, twenty_times_loses_nothing) {
    constexpr int pool_size = 6;
    Generations generations(database, {"--workers", GetParam(), "--database-pool-size", "6",
                                       // Read again and again: lines of a hundred thousand
                                       // requests would take more time than the reloads.
                                       "--access-log", "errors"});
    const auto all_connected = [&] {
        return eventually([&] { return sessions_of_the_service(database) == pool_size; });
    };
    ASSERT_TRUE(all_connected());
    const std::size_t files_of_the_first = settled_open_files(generations.on_duty());

    const int api = generations.service().port();
    const int admin = generations.service().admin_port();
    MostSessions most_sessions(database);
    Clients clients;
    for (int i = 0; i < 3; ++i) {
        clients.keep_alive(api, "/fast-task");
        clients.keep_alive(api, "/users");
    }
    clients.connect_anew(api, "/fast-task?anew");
    clients.connect_anew(api, "/users?anew");
    clients.keep_alive(admin, "/metrics");
    clients.keep_alive(admin, "/readyz");
    for (int i = 1; i <= 20; ++i) {
        const auto before = clients.answered();
        generations.reload();
        // Each of them is on the new one's, too.
        EXPECT_TRUE(eventually([&] {
            const auto now = clients.answered();
            return !now.empty() && std::all_of(now.begin(), now.end(), [&](const auto& path) {
                const auto found = before.find(path.first);
                return path.second > (found == before.end() ? 0 : found->second);
            });
        })) << "reload "
            << i;
        ASSERT_THAT(clients.failures(), IsEmpty()) << "reload " << i;
    }
    clients.stop();
    EXPECT_THAT(clients.failures(), IsEmpty());
    EXPECT_EQ(clients.answered().size(), 6U);
    // One with which the new process begins, and one to look at the migrations.
    EXPECT_LE(most_sessions.stop(), pool_size + 2);

    EXPECT_TRUE(all_connected()) << "the last one has them all";
    EXPECT_TRUE(eventually([&] { return open_files(generations.on_duty()) == files_of_the_first; }))
        << open_files(generations.on_duty()) << " open files, and the first had "
        << files_of_the_first;
    EXPECT_EQ(generations.stop(), 0);
    for (const LogLine& line : log_lines(generations.log())) {
        if (line.text("body") == "stopped") {
            EXPECT_EQ(line.number("cancelled"), 0);
        }
        // On a busy machine a handler may not be run for a while, which is no fault of a reload.
        if (line.text("body") == "handler blocked the event loop") continue;
        EXPECT_LT(line.number("severity_number"), 13) << line.json();
    }
}

TEST_F(Reload, lets_a_request_in_flight_finish_and_says_that_its_connection_ends) {
    Generations generations(database);
    RawClient slow(generations.service().port());
    slow.send(get_bytes("/slow-task"));
    ASSERT_TRUE(eventually([&] {
        return get(generations.service().admin_url("/debug/requests")).body.find("/slow-task") !=
               std::string::npos;
    }));
    generations.signal(SIGHUP);
    ASSERT_TRUE(generations.says("handed over"));
    // The new one serves while the old one still has something to do.
    generations.expect_served();
    EXPECT_THAT(get(generations.service().admin_url("/debug/requests")).body,
                Not(HasSubstr("/slow-task")));
    const std::string answer = slow.read_to_end();
    EXPECT_THAT(answer, HasSubstr("Task complete!"));
    EXPECT_THAT(answer, HasSubstr("\r\nConnection: close\r\n"));
    generations.await_reload();
    EXPECT_EQ(generations.stop(), 0);
}

struct ReloadOfStreams : testing::TestWithParam<const char*> {
    const std::string database = database_with_streamed_users();
    std::string users;  ///< what all are to get
    std::vector<UsersReader> readers;

    /// Those who began with the old process read on to the end, while another one serves.
    void expect_that_a_reload_loses_none(Generations& generations) {
        generations.signal(SIGHUP);
        ASSERT_TRUE(generations.says("handed over"));
        generations.expect_served();
        EXPECT_EQ(generations.service().waiting("client", "/users"), 0U) << "of the new process";
        EXPECT_FALSE(generations.service().has_ended()) << "the old one";
        // Who may have waited for the first one reads before the others, who keep their
        // connections.
        EXPECT_TRUE(readers.front().read_all() == users);
        for (std::size_t i = readers.size() - 1; i > 0; --i)
            EXPECT_TRUE(readers[i].read_all() == users);
        generations.await_reload();
        EXPECT_EQ(generations.stop(), 0);
        const auto stopped = log_lines_with(generations.log(), "body", "stopped");
        ASSERT_EQ(stopped.size(), 2U);
        EXPECT_EQ(stopped[0].number("drained"), static_cast<double>(readers.size()));
        EXPECT_EQ(stopped[0].number("cancelled"), 0);
    }
};
INSTANTIATE_TEST_SUITE_P(Workers, ReloadOfStreams, testing::Values("1", "2"));

TEST_P(ReloadOfStreams, lets_all_read_on_to_the_end) {
    Generations generations(database,
                            {"--workers", GetParam(), "--database-max-streams", "4",
                             "--timeout-graceful-shutdown", "2m", "--timeout-write", "2m"});
    users = get(generations.service().url("/users")).body;
    for (int i = 0; i < 4; ++i) {
        readers.emplace_back(generations.service().port());
        readers.back().begin();
    }
    ASSERT_TRUE(eventually([&] { return generations.service().waiting("client", "/users") == 4; }));
    ASSERT_EQ(generations.service().metric("signalbox_database_streams", {{"state", "reading"}}),
              4);
    expect_that_a_reload_loses_none(generations);
}

TEST_P(ReloadOfStreams, lets_who_waits_for_a_connection_have_one) {
    // For which he has a query's time, and a new process takes a while to start.
    Generations generations(database, {"--workers", GetParam(), "--database-max-streams", "2",
                                       "--database-query-timeout", "30s"});
    users = get(generations.service().url("/users")).body;
    readers = three_readers_of_two_streams(generations.service());
    expect_that_a_reload_loses_none(generations);
}

TEST_F(Reload, closes_connections_of_operators_that_are_idle) {
    Generations generations(database);
    RawClient scraper(generations.service().admin_port());
    scraper.send(get_bytes("/metrics"));
    EXPECT_THAT(scraper.read_response(), StartsWith("HTTP/1.1 200 "));
    generations.reload();
    EXPECT_EQ(scraper.read_to_end(), "");
}

TEST_F(Reload, starts_what_is_by_then_where_the_binary_was) {
    Binary binary;
    fs::copy_file(service_binary(), binary.beside("first"));
    fs::rename(binary.beside("first"), binary.path());
    Generations generations(database, {"--migrations-dir", source_folder() + "/migrations"}, {},
                            {binary.path()});
    binary.install("#!/bin/sh\necho $$ > " + binary.beside("ran").string() + "\nexec " +
                   service_binary() + " \"$@\"\n");
    ASSERT_THAT(
        fs::read_symlink("/proc/" + std::to_string(generations.on_duty()) + "/exe").string(),
        HasSubstr("(deleted)"));
    generations.reload();
    EXPECT_EQ(content(binary.beside("ran")), std::to_string(generations.on_duty()) + "\n");
    generations.expect_served();
    EXPECT_EQ(generations.stop(), 0);
}

/// What is started is a script beside a copy of the binary, which reads what to do from a file.
struct ReloadOfScript : Reload {
    Binary binary;
    std::optional<Generations> generations;

    void start(const std::string& url, std::vector<std::string> arguments = {}) {
        fs::copy_file(service_binary(), binary.beside("copy"));
        fs::rename(binary.beside("copy"), binary.path());
        arguments.insert(arguments.begin(), {"--migrations-dir", source_folder() + "/migrations"});
        generations.emplace(url, arguments, std::vector<std::string>{},
                            std::vector<std::string>{binary.path()});
    }
    void expect_that_a_reload_works_now() {
        binary.install(Binary::real());
        generations->reload();
        generations->expect_served();
        EXPECT_EQ(generations->stop(), 0);
    }
    /// A script that says who it is, and then does this.
    std::string script(const std::string& does) const {
        return "#!/bin/sh\necho $$ > " + binary.beside("pid").string() + "\n" + does + "\n";
    }
    pid_t pid_of_script() const {
        pid_t pid = 0;
        EXPECT_TRUE(eventually([&] {
            return static_cast<bool>(std::istringstream(content(binary.beside("pid"))) >> pid);
        }));
        return pid;
    }
};

TEST_F(ReloadOfScript, by_a_broken_binary_leaves_the_old_process_in_service) {
    start(database);
    const pid_t old = generations->on_duty();
    const auto fails = [&](std::size_t times, std::string_view why) {
        generations->signal(SIGHUP);
        EXPECT_TRUE(eventually([&] { return generations->lines_with("cannot reload") == times; }));
        EXPECT_EQ(generations->lines_with(why), 1U) << why << "\n" << generations->log();
        EXPECT_EQ(generations->on_duty(), old);
        generations->expect_served();
    };
    binary.install("neither a program nor a script");
    fails(1, "because it cannot be executed");
    binary.install(Binary::real(), false);
    fails(2, "Permission denied");
    binary.install(script("exit 3"));
    fails(3, "ended with status 3");
    binary.install(script("kill -SEGV $$"));
    fails(4, "ended by signal 11");
    fs::remove(binary.path());
    fails(5, "No such file or directory");
    expect_that_a_reload_works_now();
}

TEST_F(ReloadOfScript, are_counted_over_all_processes) {
    start(database);
    EXPECT_EQ(generations->reloads("taken_over"), 0);
    binary.install(script("exit 3"));
    generations->signal(SIGHUP);
    ASSERT_TRUE(generations->says("cannot reload"));
    EXPECT_EQ(generations->reloads("failed"), 1);
    binary.install(Binary::real());
    for (int i = 1; i <= 3; ++i) {
        generations->reload();
        EXPECT_EQ(generations->reloads("taken_over"), i);
        EXPECT_EQ(generations->reloads("failed"), 1) << "the new process has not forgotten it";
        EXPECT_EQ(generations->reloads("refused"), 0);
    }
    EXPECT_EQ(generations->stop(), 0);
}

TEST_F(ReloadOfScript, by_a_binary_that_hangs_ends_with_its_end) {
    start(database, {"--database-startup-timeout", "1s"});
    binary.install(script("trap '' TERM; exec sleep 600"));
    generations->signal(SIGHUP);
    ASSERT_TRUE(generations->says("was not ready within"));
    EXPECT_FALSE(exists(pid_of_script())) << "it was killed, and waited for";
    generations->expect_served();
    expect_that_a_reload_works_now();
}

TEST_F(ReloadOfScript, without_a_database_leaves_the_old_process_in_service) {
    PostgresServer postgres;
    execute(postgres.database_url(), "CREATE DATABASE app");
    const std::string url = postgres.database_url("app");
    start(url, {"--migrate", "--database-startup-timeout", "1s"});
    postgres.stop();
    generations->signal(SIGHUP);
    ASSERT_TRUE(generations->says("ended with status 1")) << generations->log();
    EXPECT_EQ(get(generations->service().url("/fast-task")).status, 200);
    postgres.start();
    ASSERT_TRUE(
        eventually([&] { return get(generations->service().admin_url("/readyz")).status == 200; }));
    expect_that_a_reload_works_now();
}

TEST_F(ReloadOfScript, ends_together_with_the_old_process_by_SIGTERM) {
    start(database);
    RawClient slow(generations->service().port());
    binary.install(script("exec sleep 600"));
    generations->signal(SIGHUP);
    const pid_t successor = pid_of_script();
    slow.send(get_bytes("/slow-task"));
    ASSERT_TRUE(eventually([&] {
        return get(generations->service().admin_url("/debug/requests")).body.find("/slow-task") !=
               std::string::npos;
    }));
    EXPECT_EQ(generations->stop(), 0);
    EXPECT_THAT(slow.read_to_end(), HasSubstr("Task complete!")) << "it drains as ever";
    EXPECT_FALSE(exists(successor));
}

TEST_F(ReloadOfScript, ends_with_the_old_process_also_when_the_new_one_does_not_heed_SIGTERM) {
    start(database, {"--timeout-graceful-shutdown", "1s"});
    binary.install(script("trap '' TERM; exec sleep 600"));
    generations->signal(SIGHUP);
    const pid_t successor = pid_of_script();
    ASSERT_TRUE(eventually(
        [&] { return content("/proc/" + std::to_string(successor) + "/comm") == "sleep\n"; }));
    EXPECT_EQ(generations->stop(), 0);
    EXPECT_FALSE(exists(successor));
    EXPECT_EQ(generations->lines_with("does not stop: killed"), 1U);
}

TEST_F(ReloadOfScript, a_second_time_waits_for_the_first) {
    start(database);
    const std::string gate = binary.beside("gate");
    // No event reaches a shell script but a file's.
    binary.install(script("while [ ! -e " + gate + " ]; do sleep 0.05; done\nexec " +
                          service_binary() + " \"$@\""));
    generations->signal(SIGHUP);
    const pid_t second = pid_of_script();
    generations->signal(SIGHUP);
    generations->signal(SIGHUP);
    std::ofstream(gate).close();
    generations->await_reload();
    EXPECT_EQ(generations->on_duty(), second);
    generations->await_reload();
    EXPECT_NE(generations->on_duty(), second) << "those that came meanwhile are one more";
    generations->expect_served();
    EXPECT_EQ(generations->stop(), 0);
    EXPECT_EQ(generations->lines_with("handed over"), 2U);
}

TEST_F(ReloadOfScript, a_second_time_is_done_after_a_first_that_failed) {
    start(database);
    const std::string gate = binary.beside("gate");
    binary.install(script("while [ ! -e " + gate + " ]; do sleep 0.05; done\n" + "[ -e " + gate +
                          "2 ] && exec " + service_binary() + " \"$@\"\n" + "touch " + gate +
                          "2; exit 3"));
    generations->signal(SIGHUP);
    pid_of_script();
    generations->signal(SIGHUP);
    std::ofstream(gate).close();
    generations->await_reload();
    EXPECT_EQ(generations->lines_with("ended with status 3"), 1U);
    generations->expect_served();
    EXPECT_EQ(generations->stop(), 0);
}

TEST_F(Reload, waits_until_the_last_one_is_over) {
    Generations generations(database);
    RawClient slow(generations.service().port());
    slow.send(get_bytes("/slow-task"));
    ASSERT_TRUE(eventually([&] {
        return get(generations.service().admin_url("/debug/requests")).body.find("/slow-task") !=
               std::string::npos;
    }));
    generations.signal(SIGHUP);
    ASSERT_TRUE(generations.says("handed over"));
    generations.signal(SIGHUP);  // to the old process, which drains for some seconds
    EXPECT_THAT(slow.read_to_end(), HasSubstr("Task complete!"));
    EXPECT_EQ(generations.lines_with("reloading"), 1U) << "not three at the same time";
    generations.await_reload();
    generations.await_reload();
    generations.expect_served();
    EXPECT_EQ(generations.stop(), 0);
}

TEST_F(Reload, is_refused_to_process_1) {
    const std::vector<std::string> in_a_namespace{"/usr/bin/unshare", "--pid", "--fork",
                                                  "--kill-child", service_binary()};
    std::optional<Service> service;
    try {
        service.emplace(database, std::vector<std::string>{}, std::vector<std::string>{}, Limits{},
                        in_a_namespace);
    } catch (const std::runtime_error& error) {
        if (std::string(error.what()).find("unshare failed") != std::string::npos) {
            GTEST_SKIP() << "making a namespace of processes takes root: " << error.what();
        }
        throw;
    }
    const pid_t inside = child_of(service->pid());
    ::kill(inside, SIGHUP);
    const auto line = [&] {
        return std::ranges::any_of(log_lines(service->output()), [](const LogLine& found) {
            return found.text("body").starts_with("cannot reload as process 1");
        });
    };
    EXPECT_TRUE(eventually(line));
    EXPECT_EQ(get(service->url("/users")).status, 200);
    EXPECT_EQ(service->metric("signalbox_reloads_total", {{"result", "refused"}}), 1);
    ::kill(inside, SIGTERM);
    const auto exit = service->wait_for_exit();
    ASSERT_TRUE(exit);
    EXPECT_EQ(exit->status, 0);
}

TEST_F(Reload, is_a_drain_for_who_was_started_from_a_terminal) {
    // script(1) runs it in a terminal of its own.
    Service service(
        {}, {}, {"DATABASE_URL=" + database}, {},
        {"/bin/sh", "-c",
         "exec script --quiet --return --command \"" + service_binary() + " $*\" /dev/null", "sh"});
    pid_t inside = child_of(service.pid());
    // A shell may be between them.
    while (fs::read_symlink("/proc/" + std::to_string(inside) + "/exe") != service_binary())
        inside = child_of(inside);
    ::kill(inside, SIGHUP);
    const auto exit = service.wait_for_exit();
    ASSERT_TRUE(exit);
    EXPECT_EQ(exit->status, 0);
    EXPECT_THAT(exit->output, HasSubstr("\"body\":\"draining\""));
    EXPECT_THAT(exit->output, Not(HasSubstr("reloading")));
}

/// What systemd is to a service: a datagram socket.
class ServiceManager {
  public:
    ServiceManager() : socket_(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        if (::bind(socket_, reinterpret_cast<sockaddr*>(&address), sizeof address.sun_family) != 0)
            throw std::system_error(errno, std::generic_category(), "bind");
        socklen_t size = sizeof address;
        ::getsockname(socket_, reinterpret_cast<sockaddr*>(&address), &size);
        name_.assign(address.sun_path + 1, size - offsetof(sockaddr_un, sun_path) - 1);
        const timeval patience{.tv_sec = 60, .tv_usec = 0};
        ::setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    }
    ~ServiceManager() { ::close(socket_); }
    ServiceManager(const ServiceManager&) = delete;
    ServiceManager& operator=(const ServiceManager&) = delete;

    std::string variable() const { return "NOTIFY_SOCKET=@" + name_; }
    std::string told() const {
        char text[256];
        const auto size = ::recv(socket_, text, sizeof text, 0);
        return size < 0 ? "nothing" : std::string(text, static_cast<std::size_t>(size));
    }

  private:
    const int socket_;
    std::string name_;
};

TEST_F(Reload, tells_the_service_manager_who_is_its_service_now) {
    const ServiceManager manager;
    Generations generations(database, {}, {manager.variable(), "WATCHDOG_PID=1"});
    EXPECT_EQ(manager.told(), "READY=1");
    generations.reload();
    const std::string reloading = manager.told();
    EXPECT_THAT(reloading, testing::MatchesRegex("RELOADING=1\nMONOTONIC_USEC=[0-9]+"));
    const std::string pid = std::to_string(generations.on_duty());
    EXPECT_EQ(manager.told(), "MAINPID=" + pid + "\nREADY=1");
    EXPECT_THAT(content("/proc/" + pid + "/environ"),
                HasSubstr(std::string("\0WATCHDOG_PID=", 14) + pid + std::string(1, '\0')));
    EXPECT_EQ(generations.stop(), 0);
    EXPECT_EQ(manager.told(), "STOPPING=1") << "by the new one; the old one said no more";
}

// Sockets that somebody else has made.

/// systemd-socket-activate(1) listens, and at the first connection becomes this command.
class Activated {
  public:
    Activated(const std::vector<std::string>& listen, const std::string& database,
              const std::vector<std::string>& command = {service_binary(), "serve"}) {
        std::vector<std::string> words{"/usr/bin/systemd-socket-activate"};
        words.insert(words.end(), listen.begin(), listen.end());
        words.insert(words.end(),
                     {"--setenv=DATABASE_URL=" + database, "--setenv=SIGNALBOX_ADMIN_PORT=0",
                      "--setenv=SIGNALBOX_LOG_FORMAT=json"});
        words.insert(words.end(), command.begin(), command.end());
        process_.emplace(std::vector<std::string>{}, std::vector<std::string>{}, Limits{}, words);
        keeper_.emplace(process_->pid());
        EXPECT_TRUE(eventually([&] {
            return process_->output().find("Listening on") != std::string::npos;
        })) << process_->output();
    }
    Process& process() { return *process_; }
    std::string body_lines() const { return process_->output(); }

  private:
    std::optional<Process> process_;
    std::optional<Keeper> keeper_;
};

std::string fast_task(RawClient client) {
    client.send(get_bytes("/fast-task", "Connection: close\r\n"));
    return client.read_to_end();
}

TEST_F(Reload, works_with_sockets_of_systemd) {
    const HeldPort api;
    const HeldPort admin;
    Activated activated({"--listen=127.0.0.1:" + api.text(), "--listen=127.0.0.1:" + admin.text(),
                         "--fdname=api:admin"},
                        database);
    const auto ready = [&] {
        return get("http://127.0.0.1:" + admin.text() + "/readyz").status == 200;
    };
    // It waits in the kernel until there is somebody to serve it, which may be a moment before that
    // calls itself ready.
    EXPECT_THAT(fast_task(RawClient(api.number())), HasSubstr("This was quick!"));
    EXPECT_TRUE(eventually(ready));
    // The line comes behind the first that it serves.
    const std::string says_where = "ready: serving on http://127.0.0.1:" + api.text() +
                                   ", admin on http://127.0.0.1:" + admin.text();
    EXPECT_TRUE(eventually([&] {
        return activated.body_lines().find(says_where) != std::string::npos;
    })) << activated.body_lines();
    activated.process().signal(SIGHUP);
    const auto exit = activated.process().wait_for_exit();
    ASSERT_TRUE(exit);
    EXPECT_EQ(exit->status, 0);
    EXPECT_THAT(fast_task(RawClient(api.number())), HasSubstr("This was quick!"));
    EXPECT_TRUE(eventually(ready));
    const std::size_t says = exit->output.find("handed over to process ");
    ASSERT_NE(says, std::string::npos);
    const pid_t successor = std::stoi(exit->output.substr(says + 23));
    ::kill(successor, SIGTERM);
    EXPECT_EQ(wait_for_exit(successor, 60s), 0);
}

TEST_F(Reload, leaves_the_path_of_a_socket_of_systemd_alone) {
    const Folder folder;
    const fs::path path = folder / "api.sock";
    Activated activated({"--listen=" + path.string()}, database);
    EXPECT_THAT(fast_task(RawClient(path)), HasSubstr("This was quick!"));
    // The line comes behind the first that it serves.
    EXPECT_TRUE(eventually([&] {
        return activated.body_lines().find("serving on unix:" + path.string()) != std::string::npos;
    })) << activated.body_lines();
    activated.process().signal(SIGTERM);
    const auto exit = activated.process().wait_for_exit();
    ASSERT_TRUE(exit);
    EXPECT_EQ(exit->status, 0);
    EXPECT_TRUE(fs::is_socket(path));
}

TEST_F(Reload, works_with_a_descriptor_of_whoever_started_it) {
    const HeldPort port;
    Activated activated(
        {"--listen=127.0.0.1:" + port.text()}, database,
        {"/bin/sh", "-c",
         "unset LISTEN_PID LISTEN_FDS LISTEN_FDNAMES; exec " + service_binary() + " serve --fd 3"});
    EXPECT_THAT(fast_task(RawClient(port.number())), HasSubstr("This was quick!"));
    activated.process().signal(SIGHUP);
    const auto exit = activated.process().wait_for_exit();
    ASSERT_TRUE(exit);
    EXPECT_EQ(exit->status, 0);
    EXPECT_THAT(fast_task(RawClient(port.number())), HasSubstr("This was quick!"));
    const std::size_t says = exit->output.find("handed over to process ");
    ASSERT_NE(says, std::string::npos);
    const pid_t successor = std::stoi(exit->output.substr(says + 23));
    ::kill(successor, SIGTERM);
    EXPECT_EQ(wait_for_exit(successor, 60s), 0);
}

TEST(InheritedSockets, that_make_no_sense_are_bad_usage) {
    const std::string database = database_with_users(0);
    const auto refused = [&](std::vector<std::string> arguments,
                             const std::vector<std::string>& environment = {}) -> std::string {
        arguments.insert(arguments.begin(),
                         {"serve", "--admin-port", "0", "--database-url", database});
        const Exit exit = run_signalbox(arguments, environment);
        EXPECT_EQ(exit.status, 2) << exit.output;
        const auto lines = log_lines(exit.output);
        EXPECT_EQ(lines.size(), 1U) << exit.output;
        return lines.empty() ? "" : lines.front().text("body");
    };
    EXPECT_THAT(refused({"--fd", "77"}), HasSubstr("--fd: descriptor 77 is not open"));
    EXPECT_THAT(refused({"--fd", "1"}), HasSubstr("--fd: \"1\": expected a whole number from 3"));
    EXPECT_THAT(refused({"--fd", "-1"}), HasSubstr("--fd: "));
    EXPECT_THAT(refused({"--fd", "3", "--uds", "/tmp/x"}),
                HasSubstr("--uds: --fd is given as well"));
    EXPECT_THAT(refused({}, {"SIGNALBOX_READY_FD=x"}), HasSubstr("SIGNALBOX_READY_FD: \"x\""));
    EXPECT_THAT(refused({}, {"SIGNALBOX_READY_FD=99"}), HasSubstr("is not open"));
    EXPECT_THAT(refused({}, {"SIGNALBOX_READY_FD=2"}), HasSubstr("is no descriptor above 2"));
    EXPECT_THAT(refused({}, {"LISTEN_PID=x", "LISTEN_FDS=1"}), HasSubstr("LISTEN_PID: \"x\""));
}

TEST(InheritedSockets, of_systemd_and_by_a_flag_are_one_too_many) {
    const HeldPort port;
    const std::string database = database_with_users(0);
    for (const auto* flag : {"--fd=3", "--uds=/tmp/never-made.sock"}) {
        Activated activated({"--listen=127.0.0.1:" + port.text()}, database,
                            {service_binary(), "serve", flag});
        const RawClient client(port.number());
        const auto exit = activated.process().wait_for_exit();
        ASSERT_TRUE(exit);
        EXPECT_EQ(exit->status, 2);
        EXPECT_THAT(exit->output, HasSubstr("LISTEN_FDS has a socket for the API already"));
    }
}

struct UnixSocket : Reload {
    const Folder folder;
    const fs::path path = folder / "api.sock";
};

TEST_F(UnixSocket, is_served_and_removed_by_its_last_owner) {
    Generations generations(database, {"--uds", path});
    EXPECT_THAT(generations.log(), HasSubstr("serving on unix:" + path.string()));
    struct stat first {};
    ASSERT_EQ(::stat(path.c_str(), &first), 0);
    EXPECT_EQ(first.st_mode & 07777U, 0666U);
    EXPECT_THAT(fast_task(RawClient(path)), HasSubstr("This was quick!"));
    const auto requests = [&] { return log_lines_with(generations.log(), "body", "request"); };
    ASSERT_TRUE(eventually([&] { return !requests().empty(); }));
    EXPECT_EQ(requests()[0].text("client.address"), "unix");

    for (int i = 0; i < 2; ++i) {
        generations.reload();
        EXPECT_THAT(fast_task(RawClient(path)), HasSubstr("This was quick!"));
        struct stat now {};
        ASSERT_EQ(::stat(path.c_str(), &now), 0);
        EXPECT_EQ(now.st_ino, first.st_ino);
    }
    EXPECT_EQ(generations.stop(), 0);
    EXPECT_FALSE(fs::exists(path));
}

TEST_F(UnixSocket, has_clients_whose_forwarded_headers_are_believed_by_the_word_unix) {
    const auto client_address = [&](const std::string& trusted) {
        const Service service(database, {"--uds", path, "--forwarded-allow-ips", trusted});
        RawClient client(path);
        client.send(get_bytes("/fast-task", "X-Forwarded-For: 203.0.113.7\r\n"));
        client.read_response();
        return wait_for_line(service, "body", "request").text("client.address");
    };
    EXPECT_EQ(client_address("127.0.0.1"), "unix");
    EXPECT_EQ(client_address("127.0.0.1,unix"), "203.0.113.7");
    EXPECT_EQ(client_address("*"), "203.0.113.7");
}

TEST_F(UnixSocket, of_a_reload_that_failed_stays_where_it_is) {
    PostgresServer postgres;
    execute(postgres.database_url(), "CREATE DATABASE app");
    Generations generations(postgres.database_url("app"),
                            {"--migrate", "--database-startup-timeout", "1s", "--uds", path});
    postgres.stop();
    generations.signal(SIGHUP);
    ASSERT_TRUE(generations.says("ended with status 1")) << generations.log();
    EXPECT_THAT(fast_task(RawClient(path)), HasSubstr("This was quick!"));
    postgres.start();
    EXPECT_EQ(generations.stop(), 0);
    EXPECT_FALSE(fs::exists(path));
}

TEST_F(UnixSocket, that_was_left_behind_is_replaced_and_one_in_use_is_not) {
    const std::vector<std::string> arguments{"--uds",       path,       "--admin-port",   "0",
                                             "--log-level", "critical", "--database-url", database};
    {
        const Service killed(database, {"--uds", path});
        fs::permissions(path, fs::perms(0600));
        const Exit second = run_signalbox(arguments);
        EXPECT_EQ(second.status, 1);
        EXPECT_THAT(second.output, HasSubstr("another process listens there"));
        EXPECT_THAT(second.output, HasSubstr("--uds"));
        EXPECT_THAT(fast_task(RawClient(path)), HasSubstr("This was quick!"));
    }
    ASSERT_TRUE(fs::is_socket(path)) << "a killed process leaves it";
    Service service(database, {"--uds", path});
    EXPECT_EQ(fs::status(path).permissions(), fs::perms(0600)) << "as somebody has chosen";
    EXPECT_THAT(fast_task(RawClient(path)), HasSubstr("This was quick!"));

    // Somebody else's file by now.
    fs::remove(path);
    std::ofstream(path) << "mine";
    service.signal(SIGTERM);
    ASSERT_TRUE(service.wait_for_exit());
    EXPECT_EQ(content(path), "mine");
    const Exit refused = run_signalbox(arguments);
    EXPECT_EQ(refused.status, 1);
    EXPECT_THAT(refused.output, HasSubstr("a file that is no socket"));
    EXPECT_EQ(content(path), "mine");
}

TEST_F(UnixSocket, needs_a_path_that_the_kernel_takes) {
    const Exit exit = run_signalbox({"--uds", folder / std::string(200, 'x'), "--admin-port", "0",
                                     "--log-level", "critical", "--database-url", database});
    EXPECT_EQ(exit.status, 2);
    EXPECT_THAT(exit.output, HasSubstr("longer than the 107 bytes"));
}

}  // namespace
}  // namespace signalbox::test
