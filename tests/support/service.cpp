#include "support/service.hpp"

#include <rapidjson/document.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <system_error>

#include "signalbox/testing/postgres.hpp"
#include "support/eventually.hpp"
#include "support/files.hpp"
#include "support/http_client.hpp"
#include "support/paths.hpp"

namespace signalbox::test {

namespace {

namespace fs = std::filesystem;

/// Not named by our process's number: one that was killed and had the same may have left a file.
fs::path new_log_file() {
    std::string name = fs::temp_directory_path() / "signalbox-service-XXXXXX";
    const int file = ::mkstemp(name.data());
    if (file < 0) throw std::system_error(errno, std::system_category(), "mkstemp");
    ::close(file);
    return name;
}

SpawnOptions options(const std::vector<std::string>& command,
                     const std::vector<std::string>& arguments,
                     const std::vector<std::string>& environment, Limits limits,
                     const fs::path& log) {
    SpawnOptions spawn_options;
    spawn_options.arguments = command;
    spawn_options.arguments.insert(spawn_options.arguments.end(), arguments.begin(),
                                   arguments.end());
    spawn_options.output = log;
    spawn_options.dies_with_caller = true;
    spawn_options.environment = environment;
    spawn_options.limits = limits;
    return spawn_options;
}

int exit_status(int wait_status) {
    return WIFEXITED(wait_status) ? WEXITSTATUS(wait_status) : -1;
}

std::vector<std::string> with_defaults(const std::string& database_url,
                                       const std::vector<std::string>& arguments) {
    // The Host that get_bytes() has.
    std::vector<std::string> all{"--admin-port", "0",   "--admin-allowed-hosts", "test",
                                 "--log-format", "json"};
    const auto has = [&arguments](std::string_view flag) {
        return std::find(arguments.begin(), arguments.end(), flag) != arguments.end();
    };
    if (!has("--uds") && !has("--fd")) all.insert(all.end(), {"--port", "0"});
    if (!database_url.empty()) {
        all.insert(all.end(), {"--database-url", database_url});
        // Each session costs PostgreSQL 45 ms of CPU, and there are hundreds of such tests. As many
        // streams as with the ten of the default.
        if (!has("--database-pool-size")) {
            all.insert(all.end(), {"--database-pool-size", "5"});
            if (!has("--database-max-streams"))
                all.insert(all.end(), {"--database-max-streams", "3"});
        }
    }
    all.insert(all.end(), arguments.begin(), arguments.end());
    return all;
}

/// Of the URL behind the label, whatever host it names.
int port_after(const std::string& text, std::string_view label, std::size_t from) {
    const std::size_t found = text.find(label, from);
    if (found == std::string::npos) return 0;
    const std::size_t url = found + label.size();
    const std::size_t end = text.find_first_of(",\"\n", url);
    return std::stoi(text.substr(text.rfind(':', end) + 1, 5));
}

std::size_t entries(const fs::path& folder) {
    return static_cast<std::size_t>(
        std::distance(fs::directory_iterator(folder), fs::directory_iterator()));
}

}  // namespace

Exit run_signalbox(const std::vector<std::string>& arguments,
                   const std::vector<std::string>& environment, Limits limits) {
    Process process(arguments, environment, limits);
    if (auto exit = process.wait_for_exit(std::chrono::seconds(120))) return *std::move(exit);
    throw std::runtime_error("it does not end: " + process.output());
}

Process::Process(const std::vector<std::string>& arguments,
                 const std::vector<std::string>& environment, Limits limits,
                 const std::vector<std::string>& command)
    : log_(new_log_file()), pid_(spawn(options(command, arguments, environment, limits, log_))) {}

Process::~Process() {
    if (pid_ > 0) {
        ::kill(pid_, SIGKILL);
        test::wait_for_exit(pid_, std::chrono::seconds(10));
    }
    std::error_code ignored;
    fs::remove(log_, ignored);
}

std::optional<Exit> Process::wait_for_exit(std::chrono::seconds timeout) {
    const auto status = test::wait_for_exit(pid_, timeout);
    if (!status) return std::nullopt;
    pid_ = 0;
    return Exit{.status = exit_status(*status), .output = output()};
}

bool Process::has_ended() const {
    siginfo_t info{};
    return ::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
           info.si_pid == pid_;
}

std::string Process::output() const {
    return read_file(log_);
}

Service::Service(const std::string& database_url, const std::vector<std::string>& arguments,
                 const std::vector<std::string>& environment, Limits limits,
                 const std::vector<std::string>& command)
    : Process(with_defaults(database_url, arguments), environment, limits, command) {
    std::string text;
    const bool over = eventually(
        [&] {
            text = output();
            const std::size_t found = text.find("ready: serving on ");
            // The whole line: it may be read while it is written.
            return text.find('\n', found) != std::string::npos || has_ended();
        },
        std::chrono::seconds(60));
    const std::size_t ready = text.find("ready: serving on ");
    if (ready == std::string::npos) {
        throw std::runtime_error((over ? "it ended: " : "it did not get ready: ") + text);
    }
    port_ = port_after(text, "serving on http://", ready);
    admin_port_ = port_after(text, "admin on http://", ready);
}

std::string Service::url(std::string_view path) const {
    return "http://127.0.0.1:" + std::to_string(port_) + std::string(path);
}

std::string Service::admin_url(std::string_view path) const {
    return "http://127.0.0.1:" + std::to_string(admin_port_) + std::string(path);
}

std::size_t Process::threads() const {
    return entries("/proc/" + std::to_string(pid_) + "/task");
}

std::size_t Process::open_files() const {
    return entries("/proc/" + std::to_string(pid_) + "/fd");
}

std::set<int> Process::listening_ports() const {
    const fs::path process = "/proc/" + std::to_string(pid_);
    std::set<std::string> sockets;
    for (const auto& file : fs::directory_iterator(process / "fd")) {
        std::error_code closed_meanwhile;
        sockets.insert(fs::read_symlink(file.path(), closed_meanwhile).string());
    }
    std::set<int> ports;
    for (const char* table : {"net/tcp", "net/tcp6"}) {
        std::istringstream lines(read_file(process / table));
        std::string line;
        std::getline(lines, line);  // the names of the columns
        while (std::getline(lines, line)) {
            std::istringstream fields(line);
            std::string skipped, local, state, inode;
            fields >> skipped >> local >> skipped >> state;
            for (int i = 4; i < 10; ++i)
                fields >> inode;
            constexpr std::string_view listening = "0A";
            if (state == listening && sockets.contains("socket:[" + inode + "]")) {
                ports.insert(std::stoi(local.substr(local.rfind(':') + 1), nullptr, 16));
            }
        }
    }
    return ports;
}

std::chrono::milliseconds Process::cpu_time() const {
    // utime and stime are the 14th and 15th field of proc(5)'s stat; the name may hold spaces.
    std::string stat = read_file("/proc/" + std::to_string(pid_) + "/stat");
    std::istringstream fields(stat.substr(stat.rfind(')') + 2));
    std::string skipped;
    for (int i = 3; i < 14; ++i)
        fields >> skipped;
    long user = 0;
    long system = 0;
    fields >> user >> system;
    return std::chrono::milliseconds((user + system) * 1000 / ::sysconf(_SC_CLK_TCK));
}

Samples Service::metrics() const {
    const auto response = get(admin_url("/metrics"));
    if (response.status != 200) throw std::runtime_error("/metrics: " + response.body);
    return parse_metrics(response.body);
}

std::size_t Service::waiting(std::string_view for_what, std::string_view route) const {
    const auto response = get(admin_url("/debug/requests?limit=1"));
    rapidjson::Document document;
    document.Parse(response.body.c_str());
    if (!document.IsObject()) throw std::runtime_error("/debug/requests: " + response.body);
    std::size_t count = 0;
    for (const auto& kind : document["summary"].GetArray()) {
        const bool of_the_route = route.empty() || route == kind["http.route"].GetString();
        if (of_the_route && for_what == kind["waiting_for"].GetString())
            count += kind["count"].GetUint64();
    }
    return count;
}

std::string database_with_users(int users) {
    const std::string url = PostgresServer::shared().create_database();
    const Exit migrated = run_signalbox({"migrate", "--database-url", url});
    if (migrated.status != 0) throw std::runtime_error("migrate failed: " + migrated.output);
    if (users > 0) {
        execute(
            url,
            "INSERT INTO users (name, email) SELECT 'User ' || i, 'user' || i || '@example.com' "
            "FROM generate_series(1, " +
                std::to_string(users) + ") i");
    }
    return url;
}

}  // namespace signalbox::test
