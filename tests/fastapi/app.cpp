#include "fastapi/app.hpp"

namespace fastapi {

signalbox::api::Module app() {
    signalbox::api::Module module;
    module.include(kinds())
        .include(parameters())
        .include(bodies())
        .include(forms())
        .include(responses())
        .include(dependencies());
    return module;
}

}  // namespace fastapi
