#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "signalbox/api/module.hpp"
#include "signalbox/config/settings.hpp"

namespace signalbox {

/// Who the service is.
struct About {
    std::string name = "service";   ///< of the program, in its messages, logs and metrics
    std::string title = "Service";  ///< for people
    std::string description{};      ///< of the API, in its documents; Markdown
    std::string version = "0.1.0";
    std::string revision{};  ///< of the source: with --version, in /version and the build's metric
    /// Upper bounds that the histogram of request durations has besides the usual ones (see
    /// observe::RequestMetricsOptions), for routes that are slow by design.
    std::vector<std::chrono::duration<double>> duration_buckets{};
    /// Query parameters whose values no log may show. Names that are secret in every service need
    /// not be listed (see http::Redaction).
    std::vector<std::string> secret_parameters{};
    config::Settings settings{};  ///< its own, beside those that every service has
};

/// A service: its endpoints and what they need, and `run`, which is its whole `main`:
///
///     signalbox::Application app({.name = "shop", .title = "A shop", .version = "1.0.0"});
///     app.get<list_items>("/items");
///     return app.run(argc, argv);
///
/// The library brings the command line, the log, metrics, the pool of connections to PostgreSQL,
/// which is connected before the first request and disconnected after the last, migrations, the
/// operators' listener, and the drain. Handlers can take `db::Pool&`, `api::Logger&` and
/// `api::Metrics&`, and what the application provides.
class Application : public api::Module {
  public:
    explicit Application(About about);

    /// `serve` (the default), `migrate`, `healthcheck`, `--help`, `--version`: see `--help`.
    /// Returns the exit status: 0, 1 when it could not start or drain in time, 2 for bad usage; a
    /// second signal ends the process with 130. Once, on the main thread.
    int run(int argc, const char* const* argv);

  private:
    const About about_;
};

}  // namespace signalbox
