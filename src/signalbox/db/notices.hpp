#pragma once

#include <cstddef>
#include <functional>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <utility>

namespace signalbox::db {

/// What PostgreSQL and libpq say beside results and errors, which libpq prints to stderr by itself:
/// that the collations of a database have another version, that a password file is open to all.
/// Each connection is told the same, so each message is passed on once. Any thread.
class Notices {
  public:
    using Tell = std::function<void(std::string_view message)>;

    explicit Notices(Tell tell) : tell_(std::move(tell)) {}

    void add(std::string_view message);

  private:
    /// More different ones, and they hold data.
    static constexpr std::size_t most = 64;

    const Tell tell_;
    std::mutex mutex_;
    std::set<std::string, std::less<>> told_;  ///< guarded by mutex_
};

/// Whether it is something to be looked at, and not only said: PostgreSQL names the severity first.
bool is_warning(std::string_view notice);

}  // namespace signalbox::db
