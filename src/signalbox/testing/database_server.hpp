#pragma once

#include <filesystem>
#include <map>
#include <mutex>
#include <string>

#include "signalbox/db/detail/migration_connection.hpp"

namespace signalbox::test {

/// Where the databases of tests are: makes each from a template that has been migrated. Any number
/// of processes may use one server at the same time.
///
/// Threads: any.
class DatabaseServer {
  public:
    /// Throws db::Unavailable when it cannot connect, and std::invalid_argument for what is no URL;
    /// neither shows the password.
    explicit DatabaseServer(std::string url);

    /// The one of this process: that of TEST_DATABASE_URL, or else PostgresServer::shared().
    static DatabaseServer& shared();

    struct Made {
        std::string name;
        std::string url;
    };
    /// Throws db::Error when a migration fails or PostgreSQL refuses, and std::runtime_error when
    /// they cannot be read.
    Made create(const std::filesystem::path& migrations);
    /// Ends its sessions first. Throws db::Error.
    void drop(const std::string& name);

  private:
    std::string template_of(const std::filesystem::path& migrations);
    void make_template(const std::string& name, const std::filesystem::path& migrations);

    const std::string url_;
    std::string how_to_copy_;

    std::mutex mutex_;
    /// Guarded by mutex_.
    db::MigrationConnection connection_;
    std::map<std::filesystem::path, std::string> templates_;
};

/// The value of TEST_DATABASE_URL; empty when it is not set.
std::string given_database_url();

}  // namespace signalbox::test
