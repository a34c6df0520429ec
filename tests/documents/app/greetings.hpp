#pragma once

#include <string>

#include "signalbox/api/parameters.hpp"
#include "signalbox/async/task.hpp"

namespace signalbox::app {

enum class Language { english, french };

struct Whom {
    api::Field<std::string, api::MinLength(1), api::MaxLength(40)> name = "world";
    api::Field<Language> language = Language::english;
};

struct Greeting {
    std::string message;
};

async::Task<Greeting> greet(api::Query<Whom> whom);

}  // namespace signalbox::app
