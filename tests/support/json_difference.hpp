#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace signalbox::test {

/// One thing that two JSON texts do not share.
struct JsonDifference {
    std::string where;  ///< the members and indices that lead there, with spaces in between
    std::string first;  ///< in JSON; empty: there is none
    std::string second;
};

/// All of them, as deep as they are. Members have no order, and 1 is 1.0; integers beyond 2^53 are
/// compared as floating-point numbers. Throws std::invalid_argument for what is no JSON.
std::vector<JsonDifference> json_differences(std::string_view first, std::string_view second);

/// Differences of FastAPI's document and ours that are meant.
struct KnownDifference {
    std::string what;
    std::function<bool(const JsonDifference&)> is;
    std::size_t found = 0;
};

/// Fails for each difference that is none of these, and for each of these that there is not.
void expect_known(const std::vector<JsonDifference>& differences,
                  std::vector<KnownDifference> known);

}  // namespace signalbox::test
