#include "support/json_difference.hpp"

#include <gtest/gtest.h>
#include <rapidjson/document.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <algorithm>
#include <stdexcept>
#include <utility>

namespace signalbox::test {

namespace {

using rapidjson::Value;

rapidjson::Document parse(std::string_view text) {
    rapidjson::Document document;
    document.Parse(text.data(), text.size());
    if (document.HasParseError()) {
        throw std::invalid_argument("no JSON from byte " +
                                    std::to_string(document.GetErrorOffset()) + " on");
    }
    return document;
}

std::string text_of(const Value* value) {
    if (value == nullptr) return {};
    rapidjson::StringBuffer text;
    rapidjson::Writer<rapidjson::StringBuffer> writer(text);
    value->Accept(writer);
    return {text.GetString(), text.GetSize()};
}

class Comparison {
  public:
    void compare(const std::string& where, const Value& first, const Value& second) {
        if (first.IsNumber() && second.IsNumber()) {
            if (first.GetDouble() != second.GetDouble()) add(where, &first, &second);
        } else if (first.IsObject() && second.IsObject()) {
            for (const auto& [name, value] : first.GetObject()) {
                const auto other = second.FindMember(name);
                at(where, name.GetString(), &value,
                   other == second.MemberEnd() ? nullptr : &other->value);
            }
            for (const auto& [name, value] : second.GetObject()) {
                if (!first.HasMember(name)) at(where, name.GetString(), nullptr, &value);
            }
        } else if (first.IsArray() && second.IsArray()) {
            for (rapidjson::SizeType i = 0; i < std::max(first.Size(), second.Size()); ++i) {
                at(where, std::to_string(i), i < first.Size() ? &first[i] : nullptr,
                   i < second.Size() ? &second[i] : nullptr);
            }
        } else if (first != second) {
            add(where, &first, &second);
        }
    }

    std::vector<JsonDifference> found;

  private:
    void at(const std::string& where, const std::string& step, const Value* first,
            const Value* second) {
        const std::string there = where.empty() ? step : where + ' ' + step;
        if (first != nullptr && second != nullptr) {
            compare(there, *first, *second);
        } else {
            add(there, first, second);
        }
    }
    void add(const std::string& where, const Value* first, const Value* second) {
        found.push_back({where, text_of(first), text_of(second)});
    }
};

}  // namespace

std::vector<JsonDifference> json_differences(std::string_view first, std::string_view second) {
    Comparison comparison;
    comparison.compare("", parse(first), parse(second));
    return std::move(comparison.found);
}

void expect_known(const std::vector<JsonDifference>& differences,
                  std::vector<KnownDifference> known) {
    for (const JsonDifference& difference : differences) {
        const auto found =
            std::find_if(known.begin(), known.end(),
                         [&](const KnownDifference& each) { return each.is(difference); });
        if (found == known.end()) {
            ADD_FAILURE() << difference.where << "\n  FastAPI: " << difference.first
                          << "\n  ours:    " << difference.second;
        } else {
            ++found->found;
        }
    }
    EXPECT_LE(known.size(), 10U);
    for (const KnownDifference& each : known)
        EXPECT_GT(each.found, 0U) << "there is no such difference any more: " << each.what;
}

}  // namespace signalbox::test
