#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <pqxx/pqxx>
#include <string>
#include <vector>

#include "signalbox/testing/postgres.hpp"

namespace signalbox::test {

/// SIGSTOP for all processes of the server: connections stay, new ones are taken by the kernel, and
/// nobody answers.
void freeze(const PostgresServer& server);
void thaw(const PostgresServer& server);

/// What becomes of a database whose volume is lost: another server, with nothing in it, at the same
/// address. No goodbye is sent on any connection.
void replace_by_an_empty_one(PostgresServer& server);

/// pg_terminate_backend for all the sessions of the service in this database.
void end_all_sessions(const std::string& url);

/// How many sessions the service has in this database.
[[nodiscard]] int sessions_of_the_service(const std::string& url);

/// Ends the sessions of the service until others have all the connections that the server allows,
/// and returns those.
[[nodiscard]] std::vector<std::unique_ptr<pqxx::connection>> take_all_connections(
    const std::string& url, std::size_t max_connections);

/// A secret as an orchestrator mounts it: replaced by renaming.
class SecretFile {
  public:
    SecretFile();
    ~SecretFile();
    SecretFile(const SecretFile&) = delete;
    SecretFile& operator=(const SecretFile&) = delete;

    void write(const std::string& text) const;
    std::string path() const { return file_; }

  private:
    const std::filesystem::path file_;
};

}  // namespace signalbox::test
