#pragma once

#include <pqxx/pqxx>
#include <string>

#include "signalbox/testing/postgres.hpp"

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

/// How many reads of the service such a lock holds back now.
inline int reads_held_by_a_lock(const std::string& database) {
    return std::stoi(query_value(database,
                                 "SELECT count(*) FROM pg_stat_activity WHERE datname = "
                                 "current_database() AND wait_event_type = 'Lock' AND "
                                 "application_name = 'signalbox'"));
}

}  // namespace signalbox::test
