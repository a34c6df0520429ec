#include "signalbox/testing/database_server.hpp"

#include <array>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <exception>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string_view>
#include <utility>

#include "signalbox/db/migrations.hpp"
#include "signalbox/fast/random.hpp"
#include "signalbox/testing/database_url.hpp"
#include "signalbox/testing/postgres.hpp"

namespace signalbox::test {

namespace {

namespace fs = std::filesystem;

constexpr std::chrono::seconds connect_timeout{10};

/// A number of our own, for pg_advisory_lock: templates are made one at a time.
const std::string template_lock = "7164777251839105";

/// FNV-1a: the same for everyone who looks for a template, whatever built them.
class Digest {
  public:
    void add(std::string_view bytes) {
        for (const char byte : bytes)
            hash_ = (hash_ ^ static_cast<unsigned char>(byte)) * 0x100000001b3;
        hash_ = (hash_ ^ 0xff) * 0x100000001b3;  // no byte of UTF-8: where one ends
    }
    std::string hex() const {
        std::string digits;
        for (int shift = 60; shift >= 0; shift -= 4)
            digits += "0123456789abcdef"[hash_ >> shift & 0xf];
        return digits;
    }

  private:
    std::uint64_t hash_ = 0xcbf29ce484222325;
};

std::string template_name(const fs::path& migrations) {
    Digest digest;
    for (const db::Migration& migration : db::load_migrations(migrations)) {
        std::ifstream file(migration.path);
        digest.add(migration.file_name);
        digest.add(std::string(std::istreambuf_iterator<char>(file), {}));
        if (!file) throw std::runtime_error("cannot read " + migration.path.string());
    }
    return "signalbox_template_" + digest.hex();
}

std::string test_name() {
    std::array<char, 16> random{};
    fill_with_random_hex(random);
    return "signalbox_test_" + std::string(random.data(), random.size());
}

}  // namespace

std::string given_database_url() {
    const char* const given = std::getenv("TEST_DATABASE_URL");
    return given == nullptr ? "" : given;
}

DatabaseServer& DatabaseServer::shared() {
    static DatabaseServer server([] {
        std::string given = given_database_url();
        return given.empty() ? PostgresServer::shared().database_url() : given;
    }());
    return server;
}

DatabaseServer::DatabaseServer(std::string url)
    : url_(std::move(url)), connection_({url_, connect_timeout, "signalbox::test"}) {
    // Without fsync the checkpoints cost little that copying files takes, and it is done in a third
    // of the time of the default, to write all pages to the log. Before 15 it was the only way.
    const auto quick = connection_.column(
        "SELECT current_setting('server_version_num')::int >= 150000 AND "
        "current_setting('fsync') = 'off'");
    if (quick.at(0) == "t") how_to_copy_ = " STRATEGY FILE_COPY";
}

DatabaseServer::Made DatabaseServer::create(const fs::path& migrations) {
    const std::lock_guard lock(mutex_);
    const std::string from = template_of(migrations);
    Made made{.name = test_name(), .url = {}};
    made.url = with_database(url_, made.name);
    connection_.execute("CREATE DATABASE " + made.name + " TEMPLATE " + from + how_to_copy_);
    return made;
}

void DatabaseServer::drop(const std::string& name) {
    const std::lock_guard lock(mutex_);
    connection_.execute("DROP DATABASE " + name + " WITH (FORCE)");
}

/// Made by whoever comes first.
std::string DatabaseServer::template_of(const fs::path& migrations) {
    const fs::path folder = fs::absolute(migrations);
    const auto known = templates_.find(folder);
    if (known != templates_.end()) return known->second;
    std::string name = template_name(folder);
    // Of the session, because there is no CREATE DATABASE in a transaction.
    connection_.column("SELECT pg_advisory_lock(" + template_lock + ")");
    std::exception_ptr error;
    try {
        make_template(name, folder);
    } catch (...) {
        error = std::current_exception();
    }
    connection_.column("SELECT pg_advisory_unlock(" + template_lock + ")");
    if (error) std::rethrow_exception(error);
    templates_.emplace(folder, name);
    return name;
}

void DatabaseServer::make_template(const std::string& name, const fs::path& migrations) {
    // It is a template to PostgreSQL from when it is finished.
    const auto finished = connection_.column(
        "SELECT 1 FROM pg_database WHERE datname = $1 AND datistemplate", {name});
    if (!finished.empty()) return;
    connection_.execute("DROP DATABASE IF EXISTS " + name + " WITH (FORCE)");
    connection_.execute("CREATE DATABASE " + name);
    db::apply_migrations({with_database(url_, name), connect_timeout}, migrations);
    connection_.execute("ALTER DATABASE " + name + " IS_TEMPLATE true ALLOW_CONNECTIONS false");
}

}  // namespace signalbox::test
