#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// Written from RFC 3986 and the URL standard and not from the code, to judge the code by. Slow and
// plain.
namespace signalbox::fuzz {

/// RFC 3986, section 2.1. Nothing for a bad escape, among which we count `%00`.
std::optional<std::string> reference_percent_decode(std::string_view text);

/// Everything but RFC 3986's unreserved characters as an escape; every other letter of the
/// digits is in upper case.
std::string reference_percent_encode(std::string_view text);

using Pair = std::pair<std::string, std::string>;

/// The pairs of a form (the URL standard, section 5.1), in order. What is no escape stays as it is,
/// and what is no UTF-8 is replaced.
std::vector<Pair> reference_pairs(std::string_view query);

}  // namespace signalbox::fuzz
