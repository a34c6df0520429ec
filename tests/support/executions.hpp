#pragma once

#include <pqxx/pqxx>
#include <string>

namespace signalbox::test {

/// Counts how often what calls `count_execution()`, a function that this makes in the database, was
/// executed. Reads may not write, but they may notify.
class Executions {
  public:
    explicit Executions(const std::string& database)
        : connection_(database), receiver_(connection_) {
        pqxx::nontransaction work(connection_);
        work.exec(
            "CREATE OR REPLACE FUNCTION count_execution() RETURNS int LANGUAGE plpgsql AS "
            "$$ BEGIN PERFORM pg_notify('executions', ''); RETURN 1; END $$");
    }

    /// So far. A transaction counts once, when it has been committed.
    int count() {
        // What was committed before this statement is sent with its answer at the latest.
        pqxx::nontransaction(connection_).exec("SELECT 1");
        connection_.get_notifs();
        return receiver_.received;
    }

  private:
    struct Receiver final : pqxx::notification_receiver {
        explicit Receiver(pqxx::connection_base& connection)
            : pqxx::notification_receiver(connection, "executions") {}
        void operator()(const std::string&, int) override { ++received; }
        int received = 0;
    };

    pqxx::connection connection_;
    Receiver receiver_;
};

}  // namespace signalbox::test
