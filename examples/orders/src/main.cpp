#include "orders.hpp"
#include "signalbox/application.hpp"

int main(int argc, char** argv) {
    signalbox::Application app({
        .name = "orders",
        .title = "Orders",
        .version = ORDERS_VERSION,
    });
    app.include(orders::endpoints());
    return app.run(argc, argv);
}
