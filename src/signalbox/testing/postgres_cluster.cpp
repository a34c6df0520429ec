#include "signalbox/testing/postgres_cluster.hpp"

#include <fcntl.h>
#include <pwd.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstdint>
#include <cstdlib>
#include <stdexcept>
#include <system_error>

namespace signalbox::test {

namespace fs = std::filesystem;

namespace {

// Change it with initdb's arguments below: an older copy is then not used any more.
constexpr auto template_revision = "2";

[[noreturn]] void throw_errno(const std::string& what) {
    throw std::system_error(errno, std::system_category(), what);
}

/// The folder of the newest version, such as /usr/lib/postgresql/15.
fs::path newest_version() {
    fs::path found;
    int newest = 0;
    std::error_code none;
    for (const auto& entry : fs::directory_iterator{"/usr/lib/postgresql", none}) {
        const auto name = entry.path().filename().string();
        int version = 0;
        std::from_chars(name.data(), name.data() + name.size(), version);
        if (version <= newest || !fs::exists(entry.path() / "bin" / "initdb")) continue;
        newest = version;
        found = entry.path();
    }
    if (newest == 0)
        throw std::runtime_error(
            "no PostgreSQL server under /usr/lib/postgresql (apt-get install postgresql)");
    return found;
}

PostgresInstallation search() {
    const char* const asked_for = std::getenv("SIGNALBOX_TEST_POSTGRES");
    const fs::path folder = asked_for != nullptr ? fs::path(asked_for) : newest_version();
    PostgresInstallation found;
    found.bin = folder / "bin";
    found.version = folder.filename();
    if (!fs::exists(found.bin / "initdb"))
        throw std::runtime_error("SIGNALBOX_TEST_POSTGRES: there is no bin/initdb in " +
                                 folder.string());
    if (::geteuid() == 0) {
        const passwd* user = ::getpwnam("postgres");
        if (user == nullptr) user = ::getpwnam("nobody");
        if (user == nullptr) throw std::runtime_error("root needs a user to run PostgreSQL as");
        found.uid = user->pw_uid;
        found.gid = user->pw_gid;
    }
    return found;
}

void give_to_server_user(const fs::path& path) {
    const auto& postgres = PostgresInstallation::find();
    if (postgres.uid && ::lchown(path.c_str(), *postgres.uid, *postgres.gid) != 0)
        throw_errno("chown " + path.string());
}

// The folder has a name that others on this machine can guess: it has to be ours alone.
fs::path cache_folder() {
    const auto& postgres = PostgresInstallation::find();
    const uid_t owner = postgres.uid.value_or(::geteuid());
    fs::path folder = "/tmp/signalbox-test-" + std::to_string(owner);
    if (::mkdir(folder.c_str(), 0700) == 0)
        give_to_server_user(folder);
    else if (errno != EEXIST)
        throw_errno("mkdir " + folder.string());
    struct stat status {};
    if (::lstat(folder.c_str(), &status) != 0) throw_errno("stat " + folder.string());
    const bool ours = status.st_uid == owner || status.st_uid == ::geteuid();
    if (!S_ISDIR(status.st_mode) || !ours || (status.st_mode & 077) != 0)
        throw std::runtime_error(folder.string() + " is not a private folder of ours");
    return folder;
}

class FileLock {
  public:
    explicit FileLock(const fs::path& path)
        : descriptor_(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600)) {
        if (descriptor_ < 0) throw_errno("open " + path.string());
        while (::flock(descriptor_, LOCK_EX) != 0) {
            if (errno != EINTR) throw_errno("flock " + path.string());
        }
    }
    ~FileLock() { ::close(descriptor_); }
    FileLock(const FileLock&) = delete;
    FileLock& operator=(const FileLock&) = delete;

  private:
    int descriptor_;
};

// A file, as of a thousand to open, read and close each one takes five times as long to copy.
fs::path template_archive() {
    const auto& postgres = PostgresInstallation::find();
    const auto folder = cache_folder();
    auto archive = folder / ("cluster-" + postgres.version + "-" + template_revision + ".tar");
    if (fs::exists(archive)) return archive;

    const FileLock lock{folder / "lock"};
    if (fs::exists(archive)) return archive;
    const fs::path data = folder / "data";
    fs::remove_all(data);
    auto initdb = postgres.command(
        "initdb", {"--pgdata", data, "--username=postgres", "--auth=trust", "--encoding=UTF8",
                   "--locale=C", "--wal-segsize=1", "--no-sync"});
    initdb.output = folder / "initdb.log";
    run_program(initdb);
    const std::string unfinished = archive.string() + ".unfinished";
    auto pack = postgres.command("/bin/tar",
                                 {"--create", "--file", unfinished, "--directory", folder, "data"});
    pack.output = folder / "tar.log";
    run_program(pack);
    fs::rename(unfinished, archive);
    fs::remove_all(data);
    return archive;
}

// A cluster is a thousand small files, which are made ten times faster in memory. Containers often
// have but little of it.
fs::path parent_folder() {
    std::error_code absent;
    const auto space = fs::space("/dev/shm", absent);
    constexpr std::uintmax_t enough = 512 << 20;
    const bool usable = !absent && space.available >= enough && ::access("/dev/shm", W_OK) == 0;
    return usable ? "/dev/shm" : "/tmp";
}

}  // namespace

const PostgresInstallation& PostgresInstallation::find() {
    static const PostgresInstallation installation = search();
    return installation;
}

SpawnOptions PostgresInstallation::command(const std::string& program,
                                           const std::vector<std::string>& arguments) const {
    SpawnOptions options;
    options.arguments.push_back(fs::path{bin} / program);
    options.arguments.insert(options.arguments.end(), arguments.begin(), arguments.end());
    options.uid = uid;
    options.gid = gid;
    return options;
}

fs::path make_cluster() {
    const auto archive = template_archive();
    // Short: with the socket's own name it has to fit into the 107 bytes of a Unix socket address.
    std::string name = parent_folder() / "signalbox-pg-XXXXXX";
    if (::mkdtemp(name.data()) == nullptr) throw_errno("mkdtemp");
    give_to_server_user(name);
    auto unpack = PostgresInstallation::find().command(
        "/bin/tar", {"--extract", "--file", archive, "--directory", name});
    unpack.output = name + "/log";
    run_program(unpack);
    return name;
}

}  // namespace signalbox::test
