#include "signalbox/context/log_fields.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <vector>

namespace signalbox::context {
namespace {

using testing::ElementsAre;
using testing::Pair;
using Value = LogFields::Value;

TEST(LogFields, keeps_the_order_and_the_last_value) {
    LogFields fields;
    fields.set("order.id", std::int64_t{1});
    fields.set("customer", std::string("Ada"));
    fields.set("order.id", std::int64_t{2});
    EXPECT_THAT(fields.all(), ElementsAre(Pair("order.id", Value(std::int64_t{2})),
                                          Pair("customer", Value(std::string("Ada")))));
    EXPECT_TRUE(fields.has("customer"));
    EXPECT_FALSE(fields.has("order"));
}

TEST(LogFields, leaves_the_names_of_the_library_alone) {
    LogFields fields;
    for (const char* const name : {"http.route", "duration_s", "error.type", "trace_id", "body",
                                   "log.fields_left_out", "a b\"", ""})
        fields.set(name, true);
    std::vector<std::string> names;
    for (const auto& [name, value] : fields.all())
        names.push_back(name);
    EXPECT_THAT(names, ElementsAre("http.route_", "duration_s_", "error.type_", "trace_id_",
                                   "body_", "log.fields_left_out_", "a_b_", "_"));
}

TEST(LogFields, is_bounded) {
    LogFields fields;
    for (int i = 0; i < 100; ++i)
        fields.set("field." + std::to_string(i), std::int64_t{i});
    EXPECT_EQ(fields.all().size(), LogFields::most);
    EXPECT_EQ(fields.left_out(), 100 - LogFields::most);
    fields.set("field.0", std::string(1000, 'x'));
    EXPECT_EQ(std::get<std::string>(fields.all()[0].second).size(), LogFields::longest_text);

    LogFields other;
    other.set(std::string(1000, 'n'), std::string(LogFields::longest_text - 1, 'x') + "\xC3\xA4");
    EXPECT_EQ(other.all()[0].first.size(), LogFields::longest_name);
    EXPECT_EQ(std::get<std::string>(other.all()[0].second),
              std::string(LogFields::longest_text - 1, 'x'))
        << "half a character is none";
}

}  // namespace
}  // namespace signalbox::context
