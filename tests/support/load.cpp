#include "support/load.hpp"

#include <algorithm>
#include <cstdio>
#include <exception>
#include <utility>

#include "signalbox/testing/postgres.hpp"
#include "support/http_client.hpp"
#include "support/raw_message.hpp"

namespace signalbox::test {

namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

std::chrono::milliseconds since(Clock::time_point start) {
    return std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - start);
}

std::string body_of(const std::string& response) {
    return response.substr(response.find("\r\n\r\n") + 4);
}

}  // namespace

std::string fill_users(const std::string& url, const std::string& table_name, int rows) {
    execute(url, "INSERT INTO users (name, email, created_at) SELECT '" + table_name +
                     " ' || i, '" + table_name +
                     "' || i || '@example.com', "
                     "timestamptz '2026-01-01 00:00:00+00' + i * interval '1 second' "
                     "FROM generate_series(1, " +
                     std::to_string(rows) + ") i");
    std::string json = "[";
    for (int i = 1; i <= rows; ++i) {
        const std::string number = std::to_string(i);
        char created_at[64];
        std::snprintf(created_at, sizeof created_at, "2026-01-01T00:%02d:%02d.000000+00:00", i / 60,
                      i % 60);
        json += R"({"id":)" + number + R"(,"name":")" + table_name + " " + number +
                R"(","email":")" + table_name + number + R"(@example.com","created_at":")" +
                created_at + "\"},";
    }
    json.back() = ']';
    return json;
}

Load::Load(const Service& service, std::string users, int clients_of_users) {
    right_.insert(std::move(users));
    threads_.emplace_back([this, port = service.port()] { ask_for_fast_tasks(port); });
    for (int i = 0; i < clients_of_users; ++i)
        threads_.emplace_back([this, port = service.port()] { ask_for_users(port); });
}

Load::~Load() {
    stop();
}

void Load::accept(std::string users) {
    const std::lock_guard lock(mutex_);
    right_.insert(std::move(users));
}

Load::Counts Load::counts() const {
    const std::lock_guard lock(mutex_);
    return counts_;
}

Load::Counts Load::stop() {
    done_ = true;
    for (auto& thread : threads_)
        thread.join();
    threads_.clear();
    return counts();
}

void Load::wrong(const std::string& response) {
    const std::lock_guard lock(mutex_);
    if (counts_.wrong.size() < 3) counts_.wrong.push_back(response);
}

void Load::ask_for_fast_tasks(int port) try {
    RawClient client(port);
    while (!done_) {
        const auto start = Clock::now();
        client.send(get_bytes("/fast-task"));
        const std::string response = client.read_response();
        const auto took = since(start);
        if (!response.starts_with("HTTP/1.1 200 ") ||
            body_of(response) != R"({"message":"This was quick!"})") {
            wrong(response);
        } else {
            const std::lock_guard lock(mutex_);
            ++counts_.fast;
            counts_.slowest_fast = std::max(counts_.slowest_fast, took);
        }
        std::this_thread::sleep_for(2ms);  // the machine has other things to do
    }
} catch (const std::exception& error) {
    wrong(std::string("/fast-task: ") + error.what());
}

void Load::ask_for_users(int port) try {
    RawClient client(port);
    bool failing = false;
    while (!done_) {
        const auto start = Clock::now();
        client.send(get_bytes("/users"));
        const std::string response = client.read_response();
        const auto took = since(start);
        {
            const std::lock_guard lock(mutex_);
            counts_.slowest_users = std::max(counts_.slowest_users, took);
            const bool failed = response.starts_with("HTTP/1.1 503 ");
            counts_.failing += static_cast<int>(failed) - static_cast<int>(failing);
            failing = failed;
            if (response.starts_with("HTTP/1.1 200 ") && right_.contains(body_of(response))) {
                ++counts_.users;
            } else if (failed) {
                ++counts_.unavailable;
            } else if (counts_.wrong.size() < 3) {
                counts_.wrong.push_back(response);
            }
        }
        std::this_thread::sleep_for(5ms);
    }
} catch (const std::exception& error) {
    wrong(std::string("/users: ") + error.what());
}

}  // namespace signalbox::test
