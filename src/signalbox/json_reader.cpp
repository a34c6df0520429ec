#include "signalbox/json_reader.hpp"

#include <rapidjson/error/en.h>

#include <string>
#include <utility>

namespace signalbox {

Parsed<rapidjson::Document> parse_json(std::string_view text) {
    // For rapidjson a NUL is the end, whatever comes behind it.
    if (const auto nul = text.find('\0'); nul != std::string_view::npos) {
        return Invalid{"not JSON: a NUL at byte " + std::to_string(nul)};
    }
    if (text.starts_with("\xEF\xBB\xBF")) return Invalid{"not JSON: a byte order mark"};
    constexpr auto flags = rapidjson::kParseIterativeFlag | rapidjson::kParseValidateEncodingFlag |
                           rapidjson::kParseFullPrecisionFlag;
    rapidjson::Document document;
    document.Parse<flags>(text.data(), text.size());
    if (document.HasParseError()) {
        std::string why = rapidjson::GetParseError_En(document.GetParseError());
        if (why.ends_with('.')) why.pop_back();
        return Invalid{"not JSON: byte " + std::to_string(document.GetErrorOffset()) + ": " + why};
    }
    return document;
}

}  // namespace signalbox
