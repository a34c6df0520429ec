#include "orders.hpp"

int main(int argc, char** argv) {
    signalbox::Application app({.name = "orders", .title = "Orders", .version = ORDERS_VERSION});
    app.include(orders::endpoints());
    // [snippet: middleware]
    app.add_middleware(signalbox::http::cors({.allow_origins = {"http://localhost:3000"},
                                              .allow_methods = {"*"},
                                              .allow_headers = {"Authorization", "Content-Type"},
                                              .expose_headers = {"X-Total-Count", "Link"}}));
    app.add_middleware(signalbox::http::gzip({.minimum_size = 1000}));
    // [/snippet]
    return app.run(argc, argv);
}
