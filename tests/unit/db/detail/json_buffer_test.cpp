#include "signalbox/db/detail/json_buffer.hpp"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "signalbox/fast/json_string.hpp"
#include "signalbox/fast/json_writer.hpp"

namespace signalbox::db {
namespace {

TEST(JsonBuffer, has_a_short_text_as_a_string_has_it) {
    JsonBuffer buffer;
    JsonWriter(buffer.text()).begin_array().value(1).end_array();
    buffer.keep();
    EXPECT_EQ(buffer.finish().text(), "[1]");
    EXPECT_EQ(JsonBuffer().finish().text(), "");
}

TEST(JsonBuffer, keeps_a_long_text_in_pieces_and_is_whole_in_the_end) {
    JsonBuffer buffer;
    std::string expected;
    for (int i = 0; expected.size() < 20 * JsonBuffer::piece; ++i) {
        const std::string part = std::to_string(i) + ',';
        buffer.text() += part;
        expected += part;
        buffer.keep();
        ASSERT_LT(buffer.text().size(), JsonBuffer::piece);
    }
    const JsonText json = buffer.finish();
    const JsonText copy = json;
    EXPECT_EQ(copy.text(), expected);
}

TEST(JsonBuffer, cuts_no_character_in_two) {
    // Of one to four bytes, so that pieces end within each of them; with broken ones, a quote and
    // a control in between.
    for (const std::string_view unit :
         {"a", "\"", "\x01", "ä", "€", "😀", "a😀", "ab😀", "\x80", "\xF0\x9F", "a\xF0\x9F\x98"}) {
        std::string text;
        while (text.size() < 3 * JsonBuffer::piece)
            text += unit;
        std::string expected_string, expected_json;
        append_json_string(expected_string, text);
        append_utf8(expected_json, text);
        JsonBuffer string, json;
        string.append_long_string(text);
        json.append_long_json(text);
        EXPECT_EQ(string.finish().text(), expected_string) << unit;
        EXPECT_EQ(json.finish().text(), expected_json) << unit;
    }
}

TEST(JsonBuffer, expects_no_more_than_a_piece) {
    JsonBuffer buffer;
    buffer.text() = std::string(1000, 'x');
    buffer.expect(1'000'000'000);
    EXPECT_LE(buffer.text().capacity(), JsonBuffer::piece);
    EXPECT_GE(buffer.text().capacity(), JsonBuffer::piece / 2);
    buffer.text() = std::string(2 * JsonBuffer::piece, 'x');
    const std::size_t before = buffer.text().capacity();
    buffer.expect(1'000'000'000);
    EXPECT_EQ(buffer.text().capacity(), before);
}

}  // namespace
}  // namespace signalbox::db
