#pragma once

#include <filesystem>
#include <string>

namespace signalbox::test {

/// A migrated PostgreSQL database of a test's own, dropped when this is destroyed. Migrations run
/// once for all tests of a process: their outcome is a template, which is copied.
///
/// The server is a private one that lives as long as the process (see PostgresServer). With the
/// variable TEST_DATABASE_URL it is the one named there, by a user with the right CREATEDB: the
/// database of the URL is only connected to, and a template is kept for the next process,
/// `signalbox_template_…`, another one when migrations change. DATABASE_URL is ignored: it may be
/// that of production.
///
/// Threads: any may make one; each is for one thread.
class Database {
  public:
    /// Of a folder of migrations (dbmate's format). Throws db::Error when one fails or the server
    /// refuses, and std::runtime_error when they cannot be read or there is no server.
    explicit Database(const std::filesystem::path& migrations);
    ~Database();  ///< ends the sessions that are left
    Database(const Database&) = delete;
    Database& operator=(const Database&) = delete;

    const std::string& url() const noexcept { return url_; }

    /// One or more statements, separated by `;`: a test's data. Throws std::runtime_error with
    /// PostgreSQL's message.
    void execute(const std::string& sql) const;

    /// The first value of a query's first row as text; empty for null and for no row. Throws as
    /// execute() does.
    std::string value(const std::string& sql) const;

  private:
    std::string name_;
    std::string url_;
};

}  // namespace signalbox::test
