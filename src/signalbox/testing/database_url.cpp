#include "signalbox/testing/database_url.hpp"

#include <algorithm>
#include <stdexcept>

namespace signalbox::test {

std::string with_database(std::string_view url, std::string_view database) {
    const std::size_t scheme_end = url.find("://");
    const std::string_view scheme = url.substr(0, scheme_end);
    if (scheme_end == std::string_view::npos || (scheme != "postgresql" && scheme != "postgres")) {
        throw std::invalid_argument(
            "the URL of a database begins with postgresql:// (the value is not shown, as it may "
            "hold a password)");
    }
    const std::size_t authority = scheme_end + 3;
    const std::size_t parameters = std::min(url.find('?', authority), url.size());
    const std::size_t path = std::min(url.find('/', authority), parameters);
    const std::string_view query = url.substr(parameters);
    if (query.find("?dbname=") != std::string_view::npos ||
        query.find("&dbname=") != std::string_view::npos) {
        throw std::invalid_argument(
            "the URL of a database has its name behind the host, not as "
            "the parameter dbname");
    }
    return std::string(url.substr(0, path)) + "/" + std::string(database) + std::string(query);
}

}  // namespace signalbox::test
