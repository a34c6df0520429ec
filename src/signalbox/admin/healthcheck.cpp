#include "signalbox/admin/healthcheck.hpp"

#include <asio/ip/tcp.hpp>

#include <istream>
#include <string>
#include <vector>

namespace signalbox::admin {

namespace {

constexpr std::chrono::seconds patience{5};

/// An address to listen on for all is none to connect to. `::` is for both families, or where there
/// is no IPv6 for the other one.
std::vector<std::string> reachable(const std::string& host) {
    if (host == "0.0.0.0") return {"127.0.0.1"};
    if (host == "::") return {"::1", "127.0.0.1"};
    return {host};
}

}  // namespace

std::optional<std::string> run_healthcheck(const config::Config& config) {
    asio::ip::tcp::iostream stream;
    stream.expires_after(patience);
    std::string host;
    for (const std::string& address : reachable(config.admin_host)) {
        host = address;
        stream.clear();
        stream.connect(host, std::to_string(config.admin_port));
        if (stream) break;
    }
    stream << "GET /readyz?exclude=database HTTP/1.1\r\nHost: "
           << (host.find(':') == std::string::npos ? host : "[" + host + "]")
           << "\r\nConnection: close\r\n\r\n"
           << std::flush;
    std::string version;
    int status = 0;
    stream >> version >> status;
    if (status == 200) return std::nullopt;
    const std::string instance = host + ":" + std::to_string(config.admin_port);
    if (status == 0) return instance + " does not answer: " + stream.error().message();
    std::string line;
    while (std::getline(stream, line) && line != "\r") {
    }
    std::getline(stream, line);
    return instance + " is not ready: " + line;
}

}  // namespace signalbox::admin
