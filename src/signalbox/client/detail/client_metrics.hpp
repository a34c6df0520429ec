#pragma once

#include <prometheus/counter.h>
#include <prometheus/family.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>

#include <chrono>
#include <cstddef>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>

#include "signalbox/client/detail/url.hpp"
#include "signalbox/http/request.hpp"
#include "signalbox/observe/metrics.hpp"

namespace signalbox::client {

/// The families of `http_client_*` (OpenTelemetry's HTTP client metrics). Each request that is sent
/// counts, the repetitions of one call, too.
///
/// Servers are named by host and port, `most_servers` of them: what comes later is `_OTHER`.
/// Any thread. `metrics` must outlive it.
class ClientMetrics {
  public:
    static constexpr std::size_t most_servers = 50;

    explicit ClientMetrics(observe::Metrics& metrics);

    /// A request, for as long as it is on its way.
    class Request {
      public:
        /// `metrics` may be null: then nothing is counted.
        Request(ClientMetrics* metrics, http::Method method, const Url& url);
        ~Request();
        Request(const Request&) = delete;
        Request& operator=(const Request&) = delete;

        /// How it ended; else it was cancelled. `error` is a constant or empty, `status` 0 when
        /// there is none.
        void ended(int status, std::string_view error) noexcept {
            status_ = status;
            error_ = error;
        }

      private:
        ClientMetrics* const metrics_;
        const http::Method method_;
        std::pair<std::string, std::string> server_;
        prometheus::Gauge* active_ = nullptr;
        const std::chrono::steady_clock::time_point began_ = std::chrono::steady_clock::now();
        int status_ = 0;
        std::string_view error_ = "cancelled";
    };

    void repeated(const Url& url);

  private:
    using Server = std::pair<std::string, std::string>;  ///< address and port

    Server server(const Url& url);
    prometheus::Gauge& active(http::Method method, const Server& server);
    void observe(http::Method method, const Server& server, int status, std::string_view error,
                 double seconds);

    prometheus::Family<prometheus::Histogram>& durations_;
    prometheus::Family<prometheus::Gauge>& active_;
    prometheus::Family<prometheus::Counter>& retries_;

    std::mutex mutex_;
    /// Guarded by mutex_.
    std::set<Server> servers_;
    std::map<std::tuple<Server, http::Method, int, std::string>, prometheus::Histogram*>
        known_durations_;
    std::map<std::pair<Server, http::Method>, prometheus::Gauge*> known_active_;
};

}  // namespace signalbox::client
