#include "signalbox/model/json_tree.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

namespace signalbox::model {
namespace {

std::string fault_in(std::string_view text) {
    JsonTree tree;
    const auto fault = tree.read(text);
    if (!fault) return "none";
    if (fault->unreadable) return fault->reason;
    return fault->reason + " @" + std::to_string(fault->position);
}

TEST(JsonTree, keeps_all_values_in_their_order) {
    JsonTree tree;
    ASSERT_FALSE(tree.read(R"({"a":[1.50,"x\n\u00e9",{}],"b":null,"a":true})"));
    const JsonNode& object = tree.root();
    ASSERT_EQ(object.kind, JsonNode::Kind::object);
    EXPECT_EQ(object.count, 3U);
    const JsonNode* const name = JsonTree::first_in(object);
    EXPECT_EQ(name->text, "a");
    const JsonNode* const array = JsonTree::after(*name);
    ASSERT_EQ(array->kind, JsonNode::Kind::array);
    EXPECT_EQ(array->count, 3U);
    const JsonNode* item = JsonTree::first_in(*array);
    EXPECT_EQ(item->kind, JsonNode::Kind::number);
    EXPECT_EQ(item->text, "1.50") << "with all its digits";
    item = JsonTree::after(*item);
    EXPECT_EQ(item->text, "x\n\xC3\xA9");
    item = JsonTree::after(*item);
    EXPECT_EQ(item->kind, JsonNode::Kind::object);
    EXPECT_EQ(item->count, 0U);
    const JsonNode* const second = JsonTree::after(*array);
    EXPECT_EQ(second->text, "b");
    const JsonNode* const null = JsonTree::after(*second);
    EXPECT_EQ(null->kind, JsonNode::Kind::null);
    const JsonNode* const third = JsonTree::after(*null);
    EXPECT_EQ(third->text, "a") << "twice, and both are there";
    EXPECT_TRUE(JsonTree::after(*third)->truth);
}

TEST(JsonTree, says_beforehand_how_much_memory_it_takes) {
    const auto repeated = [](const char* item, std::size_t times) {
        std::string text = "[";
        for (std::size_t i = 0; i < times; ++i)
            text.append(i == 0 ? "" : ",").append(item);
        return text + "]";
    };
    for (const char* item : {"1", "[]", "{}", R"("a")", R"(",,,:{[\\")", R"("\",")",
                             R"({"a":1,"b":[{"c":"d"}]})", "[[[[1]]]]", "null"}) {
        for (const std::size_t times : {std::size_t{1}, std::size_t{50'000}}) {
            const std::string text = repeated(item, times);
            const std::size_t expected = JsonTree::memory_to_read(text);
            JsonTree tree;
            ASSERT_FALSE(tree.read(text)) << item;
            const std::size_t values = tree.root().next;
            // An empty list or object may count as two.
            EXPECT_GE(expected, text.size() + values * sizeof(JsonNode)) << item;
            EXPECT_LE(expected, text.size() + (2 * values + 1) * sizeof(JsonNode)) << item;
            if (times == 1) continue;
            EXPECT_LE(tree.memory_size(), expected + 16) << item << " is not read step by step";
        }
    }
}

TEST(JsonTree, is_read_again) {
    JsonTree tree;
    ASSERT_FALSE(tree.read("[1,2,3]"));
    ASSERT_FALSE(tree.read("\xEF\xBB\xBF\"x\"")) << "a byte order mark is ignored";
    EXPECT_EQ(tree.root().text, "x");
}

/// Each is what Python 3.13's json.loads says.
TEST(JsonTree, says_what_is_wrong_and_where_as_python_does) {
    const std::vector<std::pair<std::string_view, std::string_view>> cases{
        {"", "Expecting value @0"},
        {" \n", "Expecting value @2"},
        {"{", "Expecting property name enclosed in double quotes @1"},
        {"{ ", "Expecting property name enclosed in double quotes @2"},
        {"{a", "Expecting property name enclosed in double quotes @1"},
        {"{'a':1}", "Expecting property name enclosed in double quotes @1"},
        {R"({"a":1,b})", "Expecting property name enclosed in double quotes @7"},
        {R"({"a":1,})", "Illegal trailing comma before end of object @6"},
        {R"({"a":1 , })", "Illegal trailing comma before end of object @7"},
        {"[1,]", "Illegal trailing comma before end of array @2"},
        {R"({"a")", "Expecting ':' delimiter @4"},
        {R"({"a" 1})", "Expecting ':' delimiter @5"},
        {R"({"a":)", "Expecting value @5"},
        {R"({"a":}")", "Expecting value @5"},
        {"[", "Expecting value @1"},
        {"[1", "Expecting ',' delimiter @2"},
        {"[1 2]", "Expecting ',' delimiter @3"},
        {R"({"a":1 "b":2})", "Expecting ',' delimiter @7"},
        {"[01]", "Expecting ',' delimiter @2"},
        {"[1.]", "Expecting ',' delimiter @2"},
        {"[1e]", "Expecting ',' delimiter @2"},
        {"[1e+]", "Expecting ',' delimiter @2"},
        {"[-]", "Expecting value @1"},
        {"[+1]", "Expecting value @1"},
        {"[.5]", "Expecting value @1"},
        {"tru", "Expecting value @0"},
        {"nul", "Expecting value @0"},
        {"[,1]", "Expecting value @1"},
        {"]", "Expecting value @0"},
        {"1 2", "Extra data @2"},
        {"{} x", "Extra data @3"},
        {"truefalse", "Extra data @4"},
        {"-01", "Extra data @2"},
        {"\"abc", "Unterminated string starting at @0"},
        {"[\"abc\\", "Unterminated string starting at @1"},
        {"\"a\nb\"", "Invalid control character at @2"},
        {"\"\x1f\"", "Invalid control character at @1"},
        {R"("\x")", "Invalid \\escape @1"},
        {R"(["ab\q"])", "Invalid \\escape @4"},
        {R"("\u12")", "Invalid \\uXXXX escape @2"},
        {R"("\u12g4")", "Invalid \\uXXXX escape @2"},
        {"[\"\xC3\xA9\",x]", "Expecting value @5"},  // characters are counted, not bytes
        {"\xEF\xBB\xBF[x]", "Expecting value @1"},
    };
    for (const auto& [text, fault] : cases)
        EXPECT_EQ(fault_in(text), fault) << text;
    EXPECT_EQ(fault_in("\"\x7f\""), "none");
}

TEST(JsonTree, refuses_what_python_takes_and_is_no_json) {
    EXPECT_EQ(fault_in("[NaN]"), "Expecting value @1");
    EXPECT_EQ(fault_in("[Infinity]"), "Expecting value @1");
    EXPECT_EQ(fault_in("[-Infinity]").substr(0, 15), "Expecting value");
    EXPECT_EQ(fault_in(R"("\ud83d")").substr(0, 21), "Invalid \\uXXXX escape");
    EXPECT_EQ(fault_in(R"("\ude00")").substr(0, 21), "Invalid \\uXXXX escape");
    EXPECT_EQ(fault_in(R"("\ud83d\ude00")"), "none");
    EXPECT_EQ(fault_in("[1e999]").substr(0, 19), "Number out of range");
    for (const std::string_view text :
         {"\"\xff\"", "\"\xc0\x80\"", "\"\xed\xa0\x80\"", "\"\xe2\x82\""})
        EXPECT_EQ(fault_in(text), "no UTF-8");
    EXPECT_EQ(fault_in(std::string_view("{}\0", 3)), "Extra data @2") << "a NUL is no end";
}

TEST(JsonTree, is_nested_only_so_deep) {
    const auto nested = [](std::size_t depth) {
        return std::string(depth, '[') + std::string(depth, ']');
    };
    EXPECT_EQ(fault_in(nested(JsonTree::deepest)), "none");
    EXPECT_EQ(fault_in(nested(JsonTree::deepest + 1)), "nested too deep");
    EXPECT_EQ(fault_in(std::string(1 << 20, '[')), "nested too deep");
    // What is no JSON is said of what is deep as well, and takes no stack.
    EXPECT_EQ(python_fault(std::string(1 << 20, '['))->position, std::size_t{1} << 20);
}

TEST(Excerpt, is_the_whole_value_where_that_is_short) {
    const auto excerpt_of = [](std::string_view json, std::size_t most) {
        JsonTree tree;
        EXPECT_FALSE(tree.read(json)) << json;
        return excerpt(tree.root(), most);
    };
    EXPECT_EQ(excerpt_of(R"( {"a" : [1, "\u00e9\n", null, true, {}]} )", 100),
              "{\"a\":[1,\"\xC3\xA9\\n\",null,true,{}]}");
    EXPECT_EQ(excerpt_of("[1e19,1.10,-0,1E-7,12345678901234567890123,1.4999999999999999]", 100),
              "[1e+19,1.1,0,1e-07,12345678901234567890123,1.5]")
        << "as Python prints them";
    EXPECT_EQ(excerpt_of("\"abcdefghij\"", 5), "\"abcde…\"");
    EXPECT_EQ(excerpt_of("[1,2,3,4,5,6]", 6), R"([1,2,3,"…"])");
    EXPECT_EQ(excerpt_of(R"({"a":1,"b":2,"c":3})", 10), R"({"a":1,"b":2,"…":"…"})");
}

TEST(Excerpt, is_json_of_bounded_size_wherever_it_is_cut) {
    std::string deep = "1";
    for (int i = 0; i < 100; ++i)
        deep = (i % 2 == 0 ? "[\"\xC3\xA9\xE2\x82\xAC\"," : "{\"\xC3\xA9\\n\":[") + deep +
               (i % 2 == 0 ? "]" : "]}");
    JsonTree tree;
    ASSERT_FALSE(tree.read(deep));
    for (std::size_t most = 0; most < deep.size(); ++most) {
        const std::string json = excerpt(tree.root(), most);
        EXPECT_LE(json.size(), most + 600) << "what is open is closed";
        JsonTree again;
        EXPECT_FALSE(again.read(json)) << json;
    }
}

TEST(JsonOf, keeps_numbers_as_they_were_sent) {
    JsonTree tree;
    const std::string digits(500, '7');
    ASSERT_FALSE(tree.read("[1.10, 1e19, 0." + digits + ", -0]"));
    EXPECT_EQ(json_of(tree.root()), "[1.10,1e19,0." + digits + ",-0]");
}

}  // namespace
}  // namespace signalbox::model
