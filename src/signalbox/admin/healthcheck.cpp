#include "signalbox/admin/healthcheck.hpp"

#include <asio/ip/tcp.hpp>

#include <ostream>
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

int run_healthcheck(const config::Config& config, std::ostream& errors) {
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
    if (status == 200) return 0;
    errors << config.program << ": " << host << ":" << config.admin_port;
    if (status == 0) {
        errors << " does not answer: " << stream.error().message() << '\n';
        return 1;
    }
    std::string line;
    while (std::getline(stream, line) && line != "\r") {
    }
    std::getline(stream, line);
    errors << " is not ready: " << line << '\n';
    return 1;
}

}  // namespace signalbox::admin
