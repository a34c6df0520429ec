#include "message.hpp"
#include "signalbox/application.hpp"

int main(int argc, char** argv) {
    signalbox::Application app({.name = "signalbox", .title = "What is edited", .version = "1"});
    app.get<message>("/message");
    app.get<slow_message>("/slow");
    return app.run(argc, argv);
}
