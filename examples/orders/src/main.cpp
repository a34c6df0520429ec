#include "orders.hpp"
#include "signalbox/application.hpp"

int main(int argc, char** argv) {
    orders::Settings settings;
    signalbox::Application app({
        .name = "orders",
        .title = "Orders",
        .version = ORDERS_VERSION,
        .settings = orders::flags(settings),
    });
    app.provide(settings);
    app.include(orders::endpoints());
    return app.run(argc, argv);
}
