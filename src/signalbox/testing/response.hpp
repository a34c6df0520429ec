#pragma once

#include <iosfwd>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "signalbox/testing/json_value.hpp"

namespace signalbox::test {

using Headers = std::vector<std::pair<std::string, std::string>>;

/// What a client got, and what only the log would have: print it to see why a test failed,
/// `ASSERT_EQ(response.status, 200) << response`.
struct Response {
    int status = 0;
    Headers headers{};  ///< all, as they were to be sent
    std::string body{};
    /// Why the status is an error: what was thrown, with what is nested in it, or what is wrong
    /// with the request. The client does not learn it from a 500. Empty when nothing was thrown.
    std::string cause{};
    /// The body is a stream that did not come to its end; `cause` says why.
    bool cut = false;

    /// The first one of this name, in whatever case.
    std::optional<std::string_view> header(std::string_view name) const;

    /// The body. Throws std::invalid_argument that shows it when it is no JSON.
    JsonValue json() const;
};

std::ostream& operator<<(std::ostream& out, const Response& response);

}  // namespace signalbox::test
