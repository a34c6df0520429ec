// Percent-encoding and query parameters: decoding undoes encoding, never grows, refuses every bad
// escape; the parameters are the pairs of a form, and one that is asked for the first of its name.
#include "signalbox/http/wire/uri.hpp"

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "reference/percent_encoding.hpp"
#include "signalbox/http/query.hpp"
#include "target.hpp"

namespace signalbox::fuzz {
namespace {

void check_decoding(std::string_view text) {
    const auto decoded = http::percent_decode(text);
    const auto expected = reference_percent_decode(text);
    require(decoded.has_value() == expected.has_value(),
            "bad escapes, and only these, are refused");
    if (decoded) {
        require_same(*decoded, *expected, "escapes are decoded");
        require(decoded->size() <= text.size(), "decoding never makes a text longer");
    }
    const auto undone = http::percent_decode(reference_percent_encode(text));
    const bool has_nul = text.find('\0') != std::string_view::npos;
    require(undone.has_value() != has_nul, "what is encoded is decoded, if it has no NUL");
    if (undone) require_same(*undone, text, "decoding undoes encoding");
}

void check_parameter(std::string_view query, std::string_view name,
                     const std::vector<Pair>& pairs) {
    const auto pair = std::find_if(pairs.begin(), pairs.end(), [name](const Pair& candidate) {
        return candidate.first == name;
    });
    const auto value = http::find_query_parameter(query, name);
    require(value.has_value() == (pair != pairs.end()), "a parameter is found if it is there");
    if (value) require_same(*value, pair->second, "a parameter has its first value");
}

void check_query(std::string_view query) {
    const auto pairs = reference_pairs(query);
    std::vector<Pair> found;
    http::for_each_query_parameter(query, [&found](std::string_view name, std::string_view value) {
        found.emplace_back(name, value);
    });
    require(found == pairs, "the parameters are the pairs of a form");
    for (const auto& [name, value] : pairs)
        check_parameter(query, name, pairs);
    check_parameter(query, "", pairs);
    check_parameter(query, query, pairs);
    check_parameter(query, query.substr(0, query.find_first_of("=&")), pairs);
}

}  // namespace
}  // namespace signalbox::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text = signalbox::fuzz::as_text(data, size);
    signalbox::fuzz::check_decoding(text);
    signalbox::fuzz::check_query(text);
    return 0;
}
