#include "app/greetings.hpp"

namespace signalbox::app {

async::Task<Greeting> greet(api::Query<Whom> whom) {
    const std::string hello = whom->language == Language::french ? "Bonjour, " : "Hello, ";
    co_return Greeting{hello + *whom->name + "!"};
}

}  // namespace signalbox::app
