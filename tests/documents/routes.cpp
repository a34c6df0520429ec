// README.md, "Add an endpoint", and docs/endpoints.md: lines of main.cpp, and further handlers.
#include <string>

#include "app/greetings.hpp"
#include "app/user.hpp"
#include "signalbox/api/injection.hpp"
#include "signalbox/api/logger.hpp"
#include "signalbox/api/metrics.hpp"
#include "signalbox/application.hpp"
#include "signalbox/http/errors.hpp"

namespace signalbox::app {

// [snippet: needs]
struct GreetingMetrics {
    api::Counter greetings;
};

GreetingMetrics greeting_metrics(api::Metrics& metrics) {
    return {metrics.counter("greetings_total", "Greetings said.", {"language"})};
}

async::Task<std::string> current_user(api::Bearer bearer) {
    if (!api::equal_in_constant_time(bearer.token, "secret")) {
        throw http::HttpError(401, "Invalid token", {{"WWW-Authenticate", "Bearer"}});
    }
    co_return "Ada";
}

async::Task<Greeting> greet_me(api::Depends<current_user> user, GreetingMetrics& metrics,
                               api::Logger& log, api::Reply& reply) {
    metrics.greetings.increment({"en"});
    log.info("greeted", {{"greeting.language", "en"}});
    reply.header("Cache-Control", "no-store");
    co_return Greeting{"Hello, " + *user + "!"};
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
    app.post<app::create_user>("/users", {.status = 201});
    // [/snippet]
    // [snippet: provide]
    app.provide<app::greeting_metrics>();
    app.get<app::greet_me>("/me/greeting");
    // [/snippet]
}

}  // namespace signalbox
