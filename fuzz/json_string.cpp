// What is written as a JSON string is valid JSON whatever the bytes, and is read back as the text
// it was written from, with U+FFFD for what is not UTF-8.
#include "signalbox/fast/json_string.hpp"

#include <rapidjson/reader.h>

#include <optional>
#include <string>

#include "reference/utf8.hpp"
#include "target.hpp"

namespace signalbox::fuzz {
namespace {

struct OneString : rapidjson::BaseReaderHandler<rapidjson::UTF8<>, OneString> {
    static bool Default() { return false; }
    bool String(const char* characters, rapidjson::SizeType length, bool) {
        text.emplace(characters, length);
        return true;
    }
    std::optional<std::string> text;
};

/// What RapidJSON, which knows nothing of our writer, reads from it.
std::optional<std::string> read_back(std::string json) {
    // In place, for its own stack adds to a null pointer, which the sanitizer rightly complains of.
    rapidjson::InsituStringStream stream(json.data());
    rapidjson::Reader reader;
    OneString string;
    constexpr auto flags = rapidjson::kParseInsituFlag | rapidjson::kParseValidateEncodingFlag;
    if (reader.Parse<flags>(stream, string).IsError()) return std::nullopt;
    return string.text;
}

void check(std::string_view text) {
    const std::string expected = reference_utf8(text);
    const std::string json = json_string(text);
    for (const char c : json)
        require(static_cast<unsigned char>(c) >= 0x20, "no control character stands in JSON");
    require_same(reference_utf8(json), json, "JSON is UTF-8");

    const auto read = read_back(json);
    require(read.has_value(), "it is one JSON string and nothing else");
    require_same(*read, expected, "the text is kept");

    std::string behind = "[1,";
    append_json_string(behind, text);
    require_same(behind, "[1," + json, "what stands before is left alone");

    std::string utf8 = "\xE2\x82";  // half a character, which is not to be completed
    append_utf8(utf8, text);
    require_same(utf8, "\xE2\x82" + expected, "append_utf8 keeps the text");
    std::string again;
    append_utf8(again, expected);
    require_same(again, expected, "append_utf8 changes nothing that is UTF-8");
}

}  // namespace
}  // namespace signalbox::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    signalbox::fuzz::check(signalbox::fuzz::as_text(data, size));
    return 0;
}
