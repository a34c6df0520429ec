#include "signalbox/admin/routes.hpp"

#include <asio/ip/address.hpp>
#include <fmt/format.h>
#include <sys/random.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <iterator>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include "signalbox/admin/debug.hpp"
#include "signalbox/admin/page_gate.hpp"
#include "signalbox/admin/panel.hpp"
#include "signalbox/ascii.hpp"
#include "signalbox/http/errors.hpp"
#include "signalbox/http/watch/line_sampler.hpp"

namespace signalbox::admin {

namespace {

using http::Request;
using http::Response;

Response health_response(Health::Report report) {
    return {.status = report.pass ? 200 : 503,
            .content_type = "application/health+json",
            .body = std::move(report.json)};
}

async::Task<Response> livez(Request&, const Health& health) {
    co_return health_response(health.live());
}

async::Task<Response> readyz(Request& request, const Health& health) {
    const bool exclude_database = request.query_parameter("exclude") == "database";
    co_return health_response(health.ready(exclude_database));
}

async::Task<Response> get_metrics(Request&, const observe::Metrics& metrics) {
    co_return Response{.content_type = observe::Metrics::content_type, .body = metrics.text()};
}

async::Task<Response> get_version(Request&, const observe::Resource& service) {
    co_return http::json({{"service", service.service_name},
                          {"version", service.service_version},
                          {"revision", service.revision}});
}

/// 128 bits, in hexadecimal digits.
std::string unguessable() {
    std::array<unsigned char, 16> bytes{};
    if (::getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size())) {
        throw std::system_error(errno, std::generic_category(), "getrandom");
    }
    std::string text;
    for (const unsigned char byte : bytes)
        fmt::format_to(std::back_inserter(text), "{:02x}", byte);
    return text;
}

/// The script and the style are inside the page and carry a number that nobody can know beforehand,
/// so that nothing else that gets into the page runs (CSP Level 3, section 6.7.3).
async::Task<Response> get_panel(Request&) {
    constexpr std::string_view placeholder = "@NONCE@";
    const std::string nonce = unguessable();
    std::string page(panel_html);
    for (std::size_t at = 0; (at = page.find(placeholder, at)) != std::string::npos;)
        page.replace(at, placeholder.size(), nonce);
    std::string policy = fmt::format(
        "default-src 'none'; script-src 'nonce-{0}'; style-src 'nonce-{0}'; img-src data:; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        nonce);
    co_return Response{
        .content_type = "text/html; charset=utf-8",
        .body = std::move(page),
        .headers = {{"Content-Security-Policy", std::move(policy)}, {"Cache-Control", "no-store"}}};
}

bool is_loopback(std::string_view address) {
    std::error_code error;
    return asio::ip::make_address(address, error).is_loopback() && !error;
}

/// Whether a proxy says that it passes on what somebody else asked, be it trusted or not.
bool is_forwarded(const Request& request) {
    return std::any_of(request.headers.begin(), request.headers.end(), [](const auto& header) {
        const std::string name = to_lower(header.name);
        return name == "forwarded" || name == "via" || name == "x-real-ip" ||
               name.starts_with("x-forwarded-");
    });
}

/// Others than the machine itself find nothing there. A proxy on this machine does not make those
/// who come through it local, if it says so; one that hides its clients cannot be told from them.
async::Task<Response> only_from_loopback(Request& request, http::Handler handler) {
    if (!is_loopback(request.peer_address) || is_forwarded(request)) {
        throw http::HttpError(404);
    }
    co_return co_await handler(request);
}

/// Lets nobody in whom AllowedHosts refuses. Any thread.
class Gate {
  public:
    Gate(const AllowedHosts& allowed_hosts, observe::Log& log)
        : allowed_hosts_(allowed_hosts), log_(log) {}

    /// Throws HttpError 403.
    void check(const Request& request) {
        const auto refusal = allowed_hosts_.refusal(request);
        if (!refusal) {
            tell_left_out();
            return;
        }
        tell(request, *refusal);
        throw http::HttpError(403, std::string(*refusal));
    }

  private:
    /// No further refusal may come, but somebody who is let in does, as Prometheus.
    void tell_left_out() {
        std::uint64_t left_out = 0;
        {
            const std::lock_guard lock(mutex_);
            if (sampler_.left_out() == 0 || !sampler_.has_room(http::LineSampler::Clock::now()))
                return;
            left_out = sampler_.take_left_out();
        }
        log_.write(config::LogLevel::warning, "refused more requests to the operators' routes",
                   {{"log.left_out", static_cast<std::int64_t>(left_out)}});
    }

    void tell(const Request& request, std::string_view refusal) {
        std::uint64_t left_out = 0;
        {
            const std::lock_guard lock(mutex_);
            if (!sampler_.may_write(http::LineSampler::Clock::now())) return;
            left_out = sampler_.take_left_out();
        }
        log_.write(config::LogLevel::warning, "refused a request to the operators' routes",
                   {{"error.message", refusal},
                    {"http.request.header.host", request.header("host").value_or("")},
                    {"http.request.header.origin", request.header("origin").value_or("")},
                    {"url.path", request.path},
                    {"client.address", request.client_address},
                    {"log.left_out", static_cast<std::int64_t>(left_out)}});
    }

    const AllowedHosts allowed_hosts_;
    observe::Log& log_;
    std::mutex mutex_;
    http::LineSampler sampler_;  ///< guarded by mutex_
};

async::Task<Response> behind(std::shared_ptr<Gate> gate, Request& request, http::Handler handler) {
    gate->check(request);
    co_return co_await handler(request);
}

}  // namespace

std::vector<http::Route> routes(Instance instance, DebugAccess access,
                                const AllowedHosts& allowed_hosts) {
    const auto gate = std::make_shared<PageGate>();
    const auto gated = [&gate](http::Handler handler) -> http::Handler {
        return [gate, handler = std::move(handler)](Request& request) {
            return gate->answer(request, handler);
        };
    };
    std::vector<http::Route> routes{
        {"GET", "/livez", [=](Request& request) { return livez(request, instance.health); }},
        {"GET", "/readyz", [=](Request& request) { return readyz(request, instance.health); }},
        {"GET", "/version",
         [=](Request& request) { return get_version(request, instance.service); }},
    };
    const std::vector<http::Route> debug_routes{
        {"GET", "/", get_panel},
        {"GET", "/metrics",
         [=](Request& request) { return get_metrics(request, instance.metrics); }},
        {"GET", "/debug/requests",
         [=](Request& request) { return get_requests(request, instance.telemetry); }},
        {"GET", "/debug/log-level",
         [=](Request& request) {
             return get_log_level(request, instance.log, instance.telemetry);
         }},
        {"PUT", "/debug/log-level",
         [=](Request& request) {
             return put_log_level(request, instance.log, instance.telemetry);
         }},
    };
    for (const http::Route& route : debug_routes) {
        routes.push_back(route);
        routes.back().handler = gated(route.handler);
        if (access == DebugAccess::everyone) continue;
        routes.back().handler = [handler = routes.back().handler](Request& request) {
            return only_from_loopback(request, handler);
        };
    }
    // On the API's port, too, they answer when it has more to do than it can: a probe that is
    // turned away would take the instance out just then, and its load would go to the others.
    const auto hosts = std::make_shared<Gate>(allowed_hosts, instance.log);
    for (http::Route& route : routes) {
        route.sheddable = false;
        route.handler = [hosts, handler = std::move(route.handler)](Request& request) {
            return behind(hosts, request, handler);
        };
    }
    return routes;
}

}  // namespace signalbox::admin
