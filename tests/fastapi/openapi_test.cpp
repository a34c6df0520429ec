// The OpenAPI document of the same application, compared with FastAPI's. What schemas are called is
// not compared here, as functions and structs have other names than in app.py; api/openapi_test.cpp
// does that with some that have the same.

#include "signalbox/api/openapi.hpp"

#include <gtest/gtest.h>
#include <rapidjson/document.h>
#include <rapidjson/pointer.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <fstream>
#include <iterator>
#include <set>
#include <string>
#include <vector>

#include "fastapi/app.hpp"
#include "support/json_difference.hpp"
#include "support/paths.hpp"

namespace fastapi {
namespace {

using rapidjson::Document;
using rapidjson::Value;
using signalbox::test::JsonDifference;
using signalbox::test::KnownDifference;

/// A document in which what is referred to stands where it is referred to, without its title, which
/// is its name.
class Inlined {
  public:
    explicit Inlined(std::string_view json) {
        document_.Parse(json.data(), json.size());
        EXPECT_FALSE(document_.HasParseError());
    }

    std::string paths() {
        Value& paths = document_["paths"];
        std::set<std::string> open;
        resolve(paths, open);
        rapidjson::StringBuffer text;
        rapidjson::Writer<rapidjson::StringBuffer> writer(text);
        paths.Accept(writer);
        return {text.GetString(), text.GetSize()};
    }

  private:
    void resolve(Value& value, const std::set<std::string>& open) {
        if (value.IsArray()) {
            for (Value& each : value.GetArray())
                resolve(each, open);
        }
        if (!value.IsObject()) return;
        if (value.HasMember("discriminator")) value["discriminator"].RemoveMember("mapping");
        if (const auto reference = value.FindMember("$ref"); reference != value.MemberEnd()) {
            const std::string name = reference->value.GetString();
            value.RemoveMember(reference);
            if (open.contains(name)) return;  // it is in itself
            const Value* target = rapidjson::Pointer(name.c_str()).Get(document_);
            ASSERT_NE(target, nullptr) << name;
            Value copy(*target, document_.GetAllocator());
            copy.RemoveMember("title");
            std::set<std::string> inner = open;
            inner.insert(name);
            resolve(copy, inner);
            for (auto& member : copy.GetObject())
                value.AddMember(member.name, member.value, document_.GetAllocator());
            return;
        }
        for (auto& member : value.GetObject())
            resolve(member.value, open);
    }

    Document document_;
};

bool contains(std::string_view text, std::string_view part) {
    return text.find(part) != text.npos;
}

std::vector<KnownDifference> classes() {
    return {
        {"functions have other names here than in app.py",
         [](const auto& difference) {
             const std::string_view where = difference.where;
             return where.ends_with(" operationId") || where.ends_with(" summary") ||
                    (difference.first.starts_with("\"Response ") &&
                     (difference.second.empty() || difference.second.starts_with("\"Response ")));
         }},
        {"app.py answers with a dict of anything, or with another model, where a struct is "
         "returned "
         "here, and the other way round",
         [](const auto& difference) {
             return contains(difference.where, " content application/json schema") &&
                    contains(difference.where, " responses ");
         }},
        {"a header that is a member of a model: FastAPI 0.115 documents x_depth and reads x-depth",
         [](const auto& difference) {
             return difference.where.starts_with("/header/model get parameters") &&
                    (difference.where.ends_with(" name") || difference.where.ends_with(" title"));
         }},
        {"a body that is no struct has the name of Python's parameter for a title, which C++ does "
         "not know",
         [](const auto& difference) {
             return difference.where.ends_with("requestBody content application/json schema title");
         }},
        {"what returns nothing has no content: 204 here, null in FastAPI",
         [](const auto& difference) {
             const std::string_view where = difference.where;
             return (where == "/response/error/{status} get responses 200" ||
                     where == "/response/error/{status} get responses 204" ||
                     where == "/response/own-exception get responses 200" ||
                     where == "/response/own-exception get responses 204");
         }},
    };
}

std::string recorded() {
    const std::string path = signalbox::test::source_folder() + "/tests/fastapi/openapi.json";
    std::ifstream file(path);
    EXPECT_TRUE(file) << path;
    return {std::istreambuf_iterator<char>(file), {}};
}

TEST(FastApi, is_documented_the_same_but_for_what_is_listed) {
    const auto ours = signalbox::api::openapi(
        app().endpoints(), {.title = "Every kind, every rule", .version = "1.0.0"});
    const auto differences = signalbox::test::json_differences(Inlined(recorded()).paths(),
                                                               Inlined(ours.text()).paths());
    signalbox::test::expect_known(differences, classes());
}

}  // namespace
}  // namespace fastapi
