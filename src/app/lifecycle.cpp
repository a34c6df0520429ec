#include "app/lifecycle.hpp"

namespace signalbox::app {

void startup(db::Pool& database, std::stop_token stop) {
    database.connect(stop);
}

void shutdown(db::Pool& database) {
    database.disconnect();
}

}  // namespace signalbox::app
