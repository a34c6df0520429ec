#pragma once

#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "signalbox/testing/postgres.hpp"
#include "support/eventually.hpp"
#include "support/http_client.hpp"
#include "support/raw_message.hpp"
#include "support/service.hpp"

namespace signalbox::test {

/// Takes so little at a time that what a client does not read soon waits in the service.
inline constexpr int small_receive_buffer = 64 * 1024;

/// Whether a chunked response ends in the middle, be it by a reset: what the client has not taken
/// is dropped then.
inline bool is_cut(RawClient& client) {
    try {
        return !client.read_to_end().ends_with("\r\n0\r\n\r\n");
    } catch (const std::system_error&) {
        return true;
    }
}

/// A database whose /users are 16 MB in 2,000 rows, and so a stream. One who stops reading
/// keeps it open: all that may be ahead of him, in sockets and in the service, is half of that.
inline std::string database_with_streamed_users() {
    std::string database = database_with_users(0);
    execute(database,
            "INSERT INTO users (name, email) SELECT repeat('x', 8000), i || '@example.com' FROM "
            "generate_series(1, 2000) i");
    return database;
}

/// One who asks for those, and reads when it is told to.
class UsersReader {
  public:
    explicit UsersReader(int port, std::string_view request_id = "reader")
        : client_(port, small_receive_buffer) {
        client_.send(get_bytes("/users", "X-Request-ID: " + std::string(request_id) + "\r\n"));
    }

    /// Until it is in the middle.
    void begin() { received_ = client_.read_until("\"id\":1,"); }

    /// Reads on until the server closes. The body; nothing when it is cut.
    std::optional<std::string> read_all() {
        received_ += client_.read_to_end();
        return dechunked(body_of(received_));
    }

    /// Reads on until the server closes, and whether that is in the middle.
    bool is_cut() { return test::is_cut(client_); }

  private:
    RawClient client_;
    std::string received_;
};

/// Of these two are in the middle, and the third waits until one of them has got all.
inline std::vector<UsersReader> three_readers_of_two_streams(const Service& service) {
    std::vector<UsersReader> readers;
    for (int i = 0; i < 2; ++i) {
        readers.emplace_back(service.port());
        readers.back().begin();
    }
    readers.emplace_back(service.port());
    if (!eventually([&] { return service.waiting("database-queue", "/users") == 1; }))
        throw std::runtime_error("nobody waits for a stream");
    return readers;
}

}  // namespace signalbox::test
