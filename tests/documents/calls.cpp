// docs/endpoints.md, "One that calls another service".
#include <chrono>
#include <memory>
#include <string>

#include "signalbox/api/injection.hpp"
#include "signalbox/api/metrics.hpp"
#include "signalbox/application.hpp"
#include "signalbox/client/http_client.hpp"
#include "signalbox/http/errors.hpp"

namespace signalbox::app {

// [snippet: call]
struct Rate {
    std::string currency;
    double per_euro;
};

std::unique_ptr<client::HttpClient> make_http_client(api::Metrics& metrics) {
    client::HttpClientOptions options;
    options.base_url = "https://rates.example.com/v1";
    options.timeout = std::chrono::seconds(2);
    return std::make_unique<client::HttpClient>(metrics, options);
}

using Currency = api::Field<std::string, api::Pattern("^[A-Z]{3}$")>;

async::Task<Rate> get_rate(Currency currency, client::HttpClient& http) {
    const client::Response response = co_await http.get("/rates/" + *currency);
    if (response.status == 404) throw http::HttpError(404, "There is no such currency");
    co_return response.raise_for_status().json<Rate>();
}
// [/snippet]

}  // namespace signalbox::app

namespace signalbox {

void documented_calls(Application& app) {
    // [snippet: routes]
    app.provide<app::make_http_client>();
    app.get<app::get_rate>("/rates/{currency}");
    // [/snippet]
}

}  // namespace signalbox
