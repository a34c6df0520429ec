#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "signalbox/parsed.hpp"

namespace signalbox::http {

/// Which file a path named, for a socket's path to be removed only while it still names that one.
struct FileIdentity {
    dev_t device;
    ino_t inode;
    bool operator==(const FileIdentity&) const = default;

    /// `device:inode`, for another process.
    std::string text() const;
    static std::optional<FileIdentity> parse(std::string_view text);
};

/// A socket that listens. Connections wait in the kernel until an Acceptor takes them, so it may be
/// shared with another process, or have been made by one.
///
/// For one thread at a time. Closing it closes this process's copy only.
class Listener {
  public:
    /// What the kernel takes of a client that is not read, in bytes as SO_RCVBUF counts them: it
    /// doubles them for what it needs itself.
    static constexpr int receive_buffer = 32 * 1024;

    /// Binds and listens; port 0 is any free one. `host` is an address, or a name, whose
    /// first address is taken: listen_on() takes them all. `::` is for IPv4, too, any other address
    /// for its own family only. `name` is what url() says instead, unless empty. Throws
    /// std::system_error that names the address.
    static Listener tcp(const std::string& host, std::uint16_t port, const std::string& name = {});

    /// Binds a Unix socket to this path, which everybody may connect to (mode 0666), and owns the
    /// path. What a process that has ended left there is replaced, and its mode kept; throws
    /// std::runtime_error when a living one listens there, or when it is another kind of file.
    static Listener unix_socket(const std::filesystem::path& path);

    /// Takes over a socket that somebody else has made. Throws std::runtime_error that says why not
    /// when it is none that listens for streams.
    static Listener inherited(int descriptor);

    /// Why inherited() would refuse it.
    static std::optional<Invalid> refusal(int descriptor);

    Listener(Listener&& other) noexcept;
    Listener& operator=(Listener&&) = delete;
    ~Listener();

    int descriptor() const noexcept { return descriptor_; }  ///< -1 when closed
    std::uint16_t port() const;                              ///< 0 of a Unix socket
    /// `http://127.0.0.1:8000`, or `unix:/run/api.sock`. `host` says how it was asked for.
    std::string url() const;

    /// Whether its end removes the path. Who hands the socket over to another process gives the
    /// path up, who takes it over owns it, if there is one and it is still that file.
    void give_up_path() noexcept { owned_path_.reset(); }
    void own_path(FileIdentity identity);
    std::optional<FileIdentity> owned_path() const noexcept { return owned_path_; }

    /// New clients find nobody there; those that wait in the kernel can still be accepted.
    void remove_path() noexcept;
    void close() noexcept;

  private:
    Listener(int descriptor, std::string host) noexcept;

    std::filesystem::path path() const;

    int descriptor_;    ///< -1 when closed
    std::string host_;  ///< as it was asked for, if it was
    std::optional<FileIdentity> owned_path_;
    std::filesystem::path owned_at_;
};

}  // namespace signalbox::http
