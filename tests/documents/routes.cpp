// README.md, "Add an endpoint": what is said of main.cpp.
#include "app/greetings.hpp"
#include "signalbox/api/logger.hpp"
#include "signalbox/api/metrics.hpp"
#include "signalbox/application.hpp"
#include "signalbox/db/pool.hpp"

namespace signalbox::app {

async::Task<http::Response> get_user(http::Request& request, db::Pool& database);

// [snippet: metrics]
struct GreetingMetrics {
    api::Counter greetings;
};

GreetingMetrics greeting_metrics(api::Metrics& metrics) {
    return {metrics.counter("greetings_total", "Greetings said.", {"language"})};
}

async::Task<http::Response> greet_in_french(GreetingMetrics& metrics, api::Logger& log) {
    metrics.greetings.increment({"fr"});
    log.info("greeted", {{"greeting.language", "fr"}});
    co_return http::json({{"message", "Bonjour !"}});
}
// [/snippet]

}  // namespace signalbox::app

namespace signalbox {

void documented(Application& app) {
    // [snippet: greeting]
    app.get<app::greet>("/greeting");
    // [/snippet]
    // [snippet: user]
    app.get<app::get_user>("/users/{id}");
    // [/snippet]
    // [snippet: provide]
    app.provide<app::greeting_metrics>();
    app.get<app::greet_in_french>("/bonjour");
    // [/snippet]
}

}  // namespace signalbox
