#pragma once

#include <atomic>
#include <chrono>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "support/service.hpp"

namespace signalbox::test {

/// Puts so many rows into the table `users` that tell by each value which table and row they are
/// of, and returns what /users has to answer then, byte by byte.
std::string fill_users(const std::string& url, const std::string& table_name, int rows = 20);

/// Clients that ask for /fast-task and /users all the time, each on a connection that it keeps, and
/// look at every answer. An answer of /users is 200 with rows that were announced, or 503.
class Load {
  public:
    struct Counts {
        long fast = 0;
        long users = 0;        ///< answered with rows
        long unavailable = 0;  ///< /users answered with 503
        int failing = 0;       ///< clients whose last answer that was
        std::chrono::milliseconds slowest_fast{};
        std::chrono::milliseconds slowest_users{};
        std::vector<std::string> wrong{};  ///< answers that must not be; the first of them
    };

    Load(const Service& service, std::string users, int clients_of_users = 3);
    ~Load();
    Load(const Load&) = delete;
    Load& operator=(const Load&) = delete;

    /// From now on this is right, too.
    void accept(std::string users);
    Counts counts() const;
    /// Ends it and returns what it came to.
    Counts stop();

  private:
    void ask_for_fast_tasks(int port);
    void ask_for_users(int port);
    void wrong(const std::string& response);

    mutable std::mutex mutex_;
    std::set<std::string> right_;
    Counts counts_;
    std::atomic<bool> done_ = false;
    std::vector<std::thread> threads_;
};

}  // namespace signalbox::test
