#pragma once

#include <sys/types.h>

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "signalbox/testing/spawn.hpp"

namespace signalbox::test {

/// Where PostgreSQL's programs are and who runs them: PostgreSQL refuses to run as root, so root
/// lends the work to `postgres` or else `nobody`.
struct PostgresInstallation {
    std::filesystem::path bin;
    std::string version;  ///< major version, such as `15`
    std::optional<uid_t> uid;
    std::optional<gid_t> gid;

    /// That of the folder SIGNALBOX_TEST_POSTGRES, such as /usr/lib/postgresql/15, or else the
    /// newest one under /usr/lib/postgresql. Throws std::runtime_error when there is none.
    static const PostgresInstallation& find();

    /// How to start `program` (absolute, or the name of one in `bin`) as the server's user.
    [[nodiscard]] SpawnOptions command(const std::string& program,
                                       const std::vector<std::string>& arguments) const;
};

/// Makes a new folder, in memory or else under /tmp, with a fresh cluster in its subfolder `data`.
/// initdb itself runs once for a machine and a user: what it made is kept in /tmp, as one archive.
/// It is made under a lock, so any number of test processes may ask at the same time.
std::filesystem::path make_cluster();

}  // namespace signalbox::test
