#pragma once

#include <pqxx/pqxx>
#include <string>

namespace signalbox::test {

/// Holds a lock that no read of users gets past, for as long as it lives.
class LockedUsers {
  public:
    explicit LockedUsers(const std::string& database) : connection_(database), work_(connection_) {
        work_.exec("LOCK TABLE users IN ACCESS EXCLUSIVE MODE");
    }

  private:
    pqxx::connection connection_;
    pqxx::work work_;
};

}  // namespace signalbox::test
