#include "app/lifecycle.hpp"

#include <utility>

namespace signalbox::app {

void startup(db::Pool& database, std::stop_token stop) {
    database.connect(std::move(stop));
}

void shutdown(db::Pool& database) {
    database.disconnect();
}

}  // namespace signalbox::app
