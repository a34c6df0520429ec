#include "support/paths.hpp"

namespace signalbox::test {

const std::string& service_binary() {
    static const std::string path = SIGNALBOX_BINARY;
    return path;
}

const std::string& source_folder() {
    static const std::string path = SIGNALBOX_SOURCE_DIR;
    return path;
}

}  // namespace signalbox::test
