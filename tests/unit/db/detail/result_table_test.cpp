// Rows that libpq fetched, without libpqxx and without a server.

#include "signalbox/db/detail/result_table.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "signalbox/db/detail/model_rows.hpp"
#include "signalbox/db/detail/rows_json.hpp"
#include "signalbox/db/error.hpp"

namespace signalbox::db {
namespace {

using Shape = RowForm::Shape;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr Oid bigint = 20, text = 25, integers = 1007;

struct PqClear {
    void operator()(PGresult* rows) const { PQclear(rows); }
};
using Result = std::unique_ptr<PGresult, PqClear>;
using Columns = std::vector<std::pair<std::string, Oid>>;
using Values = std::vector<std::vector<std::optional<std::string>>>;

/// As PostgreSQL would have sent it.
Result result(Columns columns, const Values& rows) {
    Result made(PQmakeEmptyPGresult(nullptr, PGRES_TUPLES_OK));
    std::vector<PGresAttDesc> described;
    for (auto& [name, type] : columns) {
        described.push_back({.name = name.data(),
                             .tableid = 0,
                             .columnid = 0,
                             .format = 0,
                             .typid = type,
                             .typlen = -1,
                             .atttypmod = -1});
    }
    EXPECT_NE(PQsetResultAttrs(made.get(), static_cast<int>(described.size()), described.data()),
              0);
    for (int row = 0; row < static_cast<int>(rows.size()); ++row) {
        for (int column = 0; column < static_cast<int>(columns.size()); ++column) {
            auto value = rows[static_cast<std::size_t>(row)][static_cast<std::size_t>(column)];
            EXPECT_NE(PQsetvalue(made.get(), row, column, value ? value->data() : nullptr,
                                 value ? static_cast<int>(value->size()) : -1),
                      0);
        }
    }
    return made;
}

struct User {
    std::string name;
    std::int64_t id;
    std::optional<std::string> email;
    std::vector<int> marks;
    bool operator==(const User&) const = default;
};

Result users() {
    // Not in the order of the members, and one that has no member.
    return result(
        {{"id", bigint}, {"email", text}, {"other", text}, {"name", text}, {"marks", integers}},
        {{"1", std::nullopt, "x", "Ada \"A\"", "{}"}, {"2", "", "x", "Bob", "{1,-2}"}});
}

TEST(PqTable, tells_columns_values_and_nulls) {
    const Result rows = users();
    const PqTable table(rows.get());
    EXPECT_EQ(table.rows(), 2U);
    EXPECT_EQ(table.columns(), 5);
    EXPECT_STREQ(table.column_name(1), "email");
    EXPECT_EQ(table.column_type(4), integers);
    std::vector<std::string_view> names;
    std::vector<bool> without_email;
    table.for_each_row([&](auto& row) {
        names.push_back(row.value(3).text);
        without_email.push_back(row.value(1).is_null);
        EXPECT_EQ(row.value(1).text, "");
    });
    EXPECT_THAT(names, ElementsAre("Ada \"A\"", "Bob"));
    EXPECT_THAT(without_email, ElementsAre(true, false));
}

TEST(PqTable, is_written_as_json_of_all_columns) {
    EXPECT_EQ(rows_json(users().get()).text(),
              R"([{"id":1,"email":null,"other":"x","name":"Ada \"A\"","marks":"{}"},)"
              R"({"id":2,"email":"","other":"x","name":"Bob","marks":"{1,-2}"}])");
    EXPECT_EQ(rows_json(result({{"id", bigint}}, {}).get()).text(), "[]");
}

TEST(PqTable, is_written_as_json_of_a_type) {
    EXPECT_EQ(model_rows_json(users().get(), row_form<User, Shape::json_rows>).text(),
              R"([{"name":"Ada \"A\"","id":1,"email":null,"marks":[]},)"
              R"({"name":"Bob","id":2,"email":"","marks":[1,-2]}])");
    EXPECT_EQ(model_rows_json(
                  result({{"name", text}, {"id", bigint}, {"email", text}, {"marks", integers}}, {})
                      .get(),
                  row_form<User, Shape::json_row>)
                  .text(),
              "");
}

TEST(PqTable, is_read_into_objects) {
    const auto list = model_rows(users().get(), row_form<User, Shape::values>);
    EXPECT_THAT(*static_cast<RowValues<User>*>(list.get()),
                ElementsAre(User{"Ada \"A\"", 1, std::nullopt, {}}, User{"Bob", 2, "", {1, -2}}));
}

TEST(PqTable, that_does_not_fit_is_refused_with_the_columns_name) {
    try {
        static_cast<void>(model_rows(result({{"id", text}}, {{"1"}}).get(),
                                     row_form<std::int64_t, Shape::values>));
        ADD_FAILURE() << "no error";
    } catch (const ResultMismatch& error) {
        EXPECT_THAT(error.what(), AllOf(HasSubstr("\"id\""), HasSubstr("text")));
    }
    EXPECT_THROW(static_cast<void>(model_rows(result({{"id", bigint}}, {{std::nullopt}}).get(),
                                              row_form<std::int64_t, Shape::values>)),
                 ResultMismatch);
    EXPECT_THROW(static_cast<void>(model_rows_json(users().get(), row_form<User, Shape::json_row>)),
                 ResultMismatch);
}

}  // namespace
}  // namespace signalbox::db
