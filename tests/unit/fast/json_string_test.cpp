#include "signalbox/fast/json_string.hpp"

#include <gtest/gtest.h>
#include <rapidjson/document.h>

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "signalbox/json.hpp"

namespace signalbox {
namespace {

constexpr std::string_view replaced = "\xEF\xBF\xBD";

// Reads a JSON string back with a reader that checks the encoding.
std::string read_back(const std::string& json) {
    rapidjson::Document document;
    document.Parse<rapidjson::kParseValidateEncodingFlag>(json.data(), json.size());
    EXPECT_FALSE(document.HasParseError()) << json;
    if (document.HasParseError() || !document.IsString()) return "not a JSON string";
    return {document.GetString(), document.GetStringLength()};
}

TEST(JsonString, writes_plain_text_as_it_is) {
    EXPECT_EQ(json_string(""), R"("")");
    EXPECT_EQ(json_string({}), R"("")") << "a view of nothing at all";
    EXPECT_EQ(json_string("Ada"), R"("Ada")");
    EXPECT_EQ(json_string("Ada Lovelace, Countess of / \x7f"),
              "\"Ada Lovelace, Countess of / \x7f\"");
}

TEST(JsonString, uses_the_short_escapes) {
    EXPECT_EQ(json_string("\"\\\b\f\n\r\t"), R"("\"\\\b\f\n\r\t")");
    EXPECT_EQ(json_string(std::string_view{"\0\x01\x1f", 3}), R"("\u0000\u0001\u001f")");
}

TEST(JsonString, leaves_unicode_alone) {
    const std::string text = "Zoë 日本 \U0001F600 \u2028\u2029 \U0010FFFF \u0080 \uD7FF \uE000";
    EXPECT_EQ(json_string(text), '"' + text + '"');
}

// The text before the byte is as long as a machine word less one, one and one more: all paths
// of the search for the first special byte.
TEST(JsonString, is_valid_json_with_every_byte_at_every_place) {
    for (int value = 0; value < 256; ++value) {
        const std::string byte(1, static_cast<char>(value));
        const std::string expected = value < 0x80 ? byte : std::string{replaced};
        for (std::size_t before = 0; before < 20; ++before) {
            for (std::size_t behind : {0, 1, 7, 8, 9}) {
                const std::string left(before, 'a'), right(behind, 'z');
                EXPECT_EQ(read_back(json_string(left + byte + right)), left + expected + right)
                    << value << " behind " << before;
            }
        }
    }
}

TEST(JsonString, keeps_every_valid_pair_of_bytes_and_replaces_the_others) {
    for (int lead = 0x80; lead < 256; ++lead) {
        for (int second = 0x80; second < 256; ++second) {
            const std::string text{static_cast<char>(lead), static_cast<char>(second)};
            const bool valid = lead >= 0xC2 && lead <= 0xDF && second <= 0xBF;
            const auto read = read_back(json_string(text));
            if (valid)
                EXPECT_EQ(read, text);
            else
                EXPECT_TRUE(read.starts_with(replaced)) << lead << ' ' << second;
        }
    }
}

TEST(JsonString, replaces_each_broken_sequence_once) {
    const struct {
        std::string_view text;
        int replacements;
    } cases[] = {
        {"\x80", 1},              // continues nothing
        {"\xC0\xAF", 2},          // overlong
        {"\xE0\x9F\xBF", 3},      // overlong
        {"\xF0\x8F\xBF\xBF", 4},  // overlong
        {"\xED\xA0\x80", 3},      // surrogate
        {"\xF4\x90\x80\x80", 4},  // above U+10FFFF
        {"\xF5\x80", 2},          // never a lead
        {"\xE2\x82", 1},          // ends too early
        {"\xF0\x9F\x98", 1},      // ends too early
        {"\xE2\x82\xE2\x82", 2},  // cut off by the next one
    };
    for (const auto& [text, replacements] : cases) {
        std::string expected;
        for (int i = 0; i < replacements; ++i)
            expected += replaced;
        EXPECT_EQ(read_back(json_string(text)), expected) << json_string(text);
        EXPECT_EQ(read_back(json_string(std::string{"x"}.append(text).append("y"))),
                  std::string{"x"}.append(expected).append("y"));
        std::string kept;
        append_utf8(kept, text);
        EXPECT_EQ(kept, expected);
    }
}

TEST(AppendUtf8, changes_nothing_that_is_utf8) {
    std::string output = "before ";
    append_utf8(output, "{\"a\": \"\\\" é \U0001F600\"}\n");
    EXPECT_EQ(output, "before {\"a\": \"\\\" é \U0001F600\"}\n");
}

TEST(Json, shares_one_text_between_its_copies) {
    EXPECT_EQ(JsonText{}.text(), "");
    auto first = std::make_unique<JsonText>(std::string(100, '1'));
    const auto* bytes = first->text().data();
    const JsonText second = *first;
    first.reset();
    EXPECT_EQ(second.text(), std::string(100, '1'));
    EXPECT_EQ(second.text().data(), bytes);
}

}  // namespace
}  // namespace signalbox
