#include "signalbox/api/openapi.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "signalbox/testing/json_value.hpp"
#include "support/documented_api.hpp"
#include "support/json_difference.hpp"
#include "support/paths.hpp"

namespace signalbox::api {
namespace {

using async::Task;
using test::JsonValue;

struct Thing {
    int id;
};
Task<Thing> get_thing(int id) {
    co_return Thing{id};
}
Task<http::Response> raw(const http::Request&) {
    co_return http::Response{};
}
Task<http::StreamingResponse> streamed() {
    co_return http::stream("text/csv", [](http::Sink&) -> Task<> { co_return; });
}
Task<> nothing() {
    co_return;
}
struct First {
    Field<std::optional<int>, Description("Of the page")> limit;
    Field<std::optional<std::string>, Deprecated{}> name;
};
struct Second {
    int limit;
};
int page(Query<Second> query) {
    return query->limit;
}
Task<Thing> both_ask(Query<First>, Depends<page>) {
    co_return Thing{};
}
Task<Thing> two_keys(ApiKeyHeader<"X-One">, ApiKeyHeader<"X-Two">, ApiKeyHeader<"X-One">) {
    co_return Thing{};
}

template <class T>
Task<T> echo(T body) {
    co_return body;
}
Task<JsonText> untold() {
    co_return JsonText("1");
}

JsonValue document(const Module& module,
                   const OpenApiInfo& info = {.title = "API", .version = "1.2.3"}) {
    return JsonValue::parse(openapi(module.endpoints(), info).text());
}

TEST(OpenApi, says_whose_it_is) {
    EXPECT_EQ(document(Module()).text(),
              R"({"openapi":"3.1.0","info":{"title":"API","version":"1.2.3"},"paths":{}})");
    EXPECT_EQ(
        document(Module(), {.title = "\"", .version = "1", .description = "d", .root_path = "/v1"})
            .text(),
        R"({"openapi":"3.1.0","info":{"title":"\"","description":"d","version":"1"},)"
        R"("servers":[{"url":"/v1"}],"paths":{}})");
}

TEST(OpenApi, has_what_the_options_say) {
    Module part;
    part.get<get_thing>("/{id}", {.tags = {"b"},
                                  .summary = "One thing",
                                  .description = "Of many",
                                  .responses = {{404, "No such thing"}, {409, ""}},
                                  .deprecated = true});
    part.get<nothing>("/hidden", {.in_documents = false});
    Module module;
    module.include(part, "/things", {.tags = {"a"}, .responses = {{404, "Never"}, {422, "Bad"}}});
    const auto all = document(module);
    EXPECT_FALSE(all["paths"].has("/things/hidden"));
    EXPECT_EQ(all["paths"]["/things/{id}"]["get"], JsonValue::parse(R"({
        "tags": ["a", "b"], "summary": "One thing", "description": "Of many",
        "operationId": "get_thing_things__id__get", "deprecated": true,
        "parameters": [{"name": "id", "in": "path", "required": true,
                        "schema": {"type": "integer", "title": "Id"}}],
        "responses": {
            "200": {"description": "Successful Response", "content": {"application/json":
                {"schema": {"$ref": "#/components/schemas/Thing"}}}},
            "404": {"description": "No such thing", "content": {"application/json":
                {"schema": {"$ref": "#/components/schemas/HTTPError"}}}},
            "409": {"description": "Conflict", "content": {"application/json":
                {"schema": {"$ref": "#/components/schemas/HTTPError"}}}},
            "422": {"description": "Bad", "content": {"application/json":
                {"schema": {"$ref": "#/components/schemas/HTTPValidationError"}}}}}})"));
    EXPECT_EQ(all["components"]["schemas"]["HTTPError"]["required"],
              JsonValue::parse(R"(["detail"])"));
}

TEST(OpenApi, has_no_error_of_validation_where_nothing_is_validated) {
    Module module;
    module.get<raw>("/raw/{a}/{b}")
        .del<nothing>("/nothing")
        .get<nothing>("/moved", {.status = 304});
    const auto all = document(module);
    EXPECT_EQ(all["paths"]["/raw/{a}/{b}"]["get"], JsonValue::parse(R"({
        "summary": "Raw", "operationId": "raw_raw__a___b__get",
        "parameters": [{"name": "a", "in": "path", "required": true,
                        "schema": {"type": "string", "title": "A"}},
                       {"name": "b", "in": "path", "required": true,
                        "schema": {"type": "string", "title": "B"}}],
        "responses": {"200": {"description": "Successful Response",
                              "content": {"application/json": {"schema": {}}}}}})"));
    EXPECT_EQ(all["paths"]["/nothing"]["delete"]["responses"],
              JsonValue::parse(R"({"204":{"description":"Successful Response"}})"));
    EXPECT_EQ(all["paths"]["/moved"]["get"]["responses"],
              JsonValue::parse(R"({"304":{"description":"Successful Response"}})"));
    EXPECT_FALSE(all.has("components"));
}

TEST(OpenApi, asks_once_for_what_several_functions_take) {
    Module module;
    module.get<both_ask>("/things");
    EXPECT_EQ(document(module)["paths"]["/things"]["get"]["parameters"], JsonValue::parse(R"([
        {"name": "limit", "in": "query", "required": true,
         "schema": {"type": "integer", "title": "Limit"}},
        {"name": "name", "in": "query", "required": false, "deprecated": true,
         "schema": {"anyOf": [{"type": "string"}, {"type": "null"}], "title": "Name",
                    "deprecated": true}}])"));
}

TEST(OpenApi, names_operations_and_keys_once) {
    Module module;
    module.get<two_keys>("/a-b").get<two_keys>("/a_b");
    const auto all = document(module);
    EXPECT_EQ(all["paths"]["/a-b"]["get"]["operationId"], "two_keys_a_b_get");
    EXPECT_EQ(all["paths"]["/a_b"]["get"]["operationId"], "two_keys_a_b_get_2");
    EXPECT_EQ(all["paths"]["/a-b"]["get"]["security"],
              JsonValue::parse(R"([{"APIKeyHeader":[]},{"APIKeyHeader_2":[]}])"));
    EXPECT_EQ(all["components"]["securitySchemes"], JsonValue::parse(R"({
        "APIKeyHeader": {"type": "apiKey", "in": "header", "name": "X-One"},
        "APIKeyHeader_2": {"type": "apiKey", "in": "header", "name": "X-Two"}})"));
}

TEST(OpenApi, names_a_function_without_what_it_is_a_template_of) {
    Module module;
    module.post<echo<std::size_t>>("/{number}").post<echo<Thing>>("/");
    const auto all = document(module);
    EXPECT_EQ(all["paths"]["/{number}"]["post"]["operationId"], "echo__number__post");
    EXPECT_EQ(all["paths"]["/"]["post"]["operationId"], "echo__post");
    EXPECT_EQ(all["paths"]["/"]["post"]["summary"], "Echo");
}

TEST(OpenApi, says_nothing_of_what_a_function_does_not_say) {
    Module module;
    module.get<untold>("/");
    EXPECT_EQ(document(module)["paths"]["/"]["get"]["responses"]["200"]["content"],
              JsonValue::parse(R"({"application/json":{"schema":{}}})"));
}

TEST(OpenApi, says_of_a_stream_that_there_is_one_as_fastapi_does) {
    Module module;
    module.get<streamed>("/");
    EXPECT_EQ(document(module)["paths"]["/"]["get"]["responses"]["200"],
              JsonValue::parse(R"({"description":"Successful Response"})"));
}

TEST(OpenApi, keeps_the_order_of_the_table) {
    const auto text = openapi(test::documented_api().endpoints(), {.title = "T", .version = "1"});
    const auto at = [&](std::string_view what) { return text.text().find(what); };
    EXPECT_LT(at("\"/path/enum/{value}\""), at("\"/query/enum\""));
    EXPECT_LT(at("\"/query/enum\""), at("\"/body/bool\""));
    EXPECT_LT(at("routes_thing_v1_routes_things__id__get"),
              at("routes_put_thing_v1_routes_things__id__put"));
}

// ---- the same endpoints, as FastAPI writes them ------------------------------------------------

/// How ours differs on purpose.
std::vector<test::KnownDifference> classes() {
    const auto ends_with = [](std::string end) {
        return [end = std::move(end)](const test::JsonDifference& difference) {
            return difference.where.ends_with(end);
        };
    };
    return {
        {"A header that is a member of a model: FastAPI 0.115 documents x_depth and reads x-depth. "
         "Ours says what it reads.",
         [](const auto& difference) {
             return difference.where.starts_with("paths /header/model get parameters") &&
                    (difference.where.ends_with(" name") || difference.where.ends_with(" title"));
         }},
        {"A body that is no struct has the name of Python's parameter for a title. C++ knows no "
         "names of parameters.",
         ends_with("requestBody content application/json schema title")},
        {"pydantic 2.10 writes two schemas that are the same, Outer-Input and Outer-Output, when "
         "what they refer to refers to something itself. Ours are one.",
         [](const auto& difference) {
             return difference.where.find("Outer") != std::string::npos ||
                    (difference.first == R"("#/components/schemas/Outer-Input")" ||
                     difference.first == R"("#/components/schemas/Outer-Output")");
         }},
    };
}

std::string read_file(const std::string& path) {
    std::ifstream file(path);
    EXPECT_TRUE(file) << path;
    return {std::istreambuf_iterator<char>(file), {}};
}

/// Of theirs, what ours has: app.py has more endpoints.
std::vector<test::JsonDifference> shared(std::vector<test::JsonDifference> differences) {
    std::erase_if(differences, [](const test::JsonDifference& difference) {
        const std::string& where = difference.where;
        const bool whole_endpoint =
            where.starts_with("paths ") && where.find(' ', 6) == std::string::npos;
        const bool whole_schema = where.starts_with("components schemas ") &&
                                  where.find(' ', 19) == std::string::npos &&
                                  where.find("Outer") == std::string::npos;
        return difference.second.empty() && (whole_endpoint || whole_schema);
    });
    return differences;
}

TEST(OpenApi, is_what_fastapi_writes_but_for_what_is_listed) {
    const auto theirs = read_file(test::source_folder() + "/tests/fastapi/openapi.json");
    const auto ours = openapi(test::documented_api().endpoints(),
                              {.title = "Every kind, every rule", .version = "1.0.0"});
    test::expect_known(shared(test::json_differences(theirs, ours.text())), classes());
    EXPECT_GE(JsonValue::parse(ours.text())["paths"].size(), 70U);
}

}  // namespace
}  // namespace signalbox::api
