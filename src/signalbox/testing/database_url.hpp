#pragma once

#include <string>
#include <string_view>

namespace signalbox::test {

/// The URL of another database of the same server, by the same user and with the same parameters.
/// Throws std::invalid_argument for what is no `postgresql://` URL, or names its database by a
/// parameter; the message does not repeat it, as it may hold a password.
std::string with_database(std::string_view url, std::string_view database);

}  // namespace signalbox::test
