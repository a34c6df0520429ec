#include "signalbox/admin/health.hpp"

#include <fmt/chrono.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <algorithm>
#include <string_view>
#include <vector>

namespace signalbox::admin {

namespace {

/// A loop that has not turned for so long is blocked for good, and the process better restarted.
constexpr std::chrono::seconds longest_block{30};

struct Check {
    std::string_view name;
    bool pass;
    std::string output;  ///< why not
};

/// The health check response format that `application/health+json` stands for
/// (draft-inadarei-api-health-check, section 3).
Health::Report report(const std::vector<Check>& checks) {
    const bool pass =
        std::all_of(checks.begin(), checks.end(), [](auto& check) { return check.pass; });
    const auto status = [](bool passed) { return passed ? "pass" : "fail"; };
    const auto size = [](std::string_view text) {
        return static_cast<rapidjson::SizeType>(text.size());
    };
    rapidjson::StringBuffer buffer;
    rapidjson::Writer writer(buffer);
    writer.StartObject();
    writer.Key("status");
    writer.String(status(pass));
    writer.Key("checks");
    writer.StartObject();
    for (const Check& check : checks) {
        writer.Key(check.name.data(), size(check.name));
        writer.StartArray();
        writer.StartObject();
        writer.Key("status");
        writer.String(status(check.pass));
        if (!check.pass) {
            writer.Key("output");
            writer.String(check.output.data(), size(check.output));
        }
        writer.EndObject();
        writer.EndArray();
    }
    writer.EndObject();
    writer.EndObject();
    return {pass, std::string(buffer.GetString(), buffer.GetSize())};
}

}  // namespace

std::string_view to_string(State state) {
    switch (state) {
        case State::starting:
            return "starting";
        case State::ready:
            return "ready";
        case State::draining:
            return "draining";
    }
    return "unknown";
}

Health::Report Health::live() const {
    const auto last = longest_since_turn_();
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(last.duration);
    return report({{"event-loops", last.duration < longest_block,
                    fmt::format("{} has not turned for {}", last.loop, seconds)}});
}

Health::Report Health::ready(bool exclude_database) const {
    const State state = state_;
    std::vector<Check> checks{{"started", state != State::starting, "starting"},
                              {"accepting", state != State::draining, "draining"}};
    if (!exclude_database) {
        checks.push_back({"database", database_reachable_(), "no connection"});
    }
    return report(checks);
}

}  // namespace signalbox::admin
