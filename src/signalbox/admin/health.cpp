#include "signalbox/admin/health.hpp"

#include <fmt/chrono.h>

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "signalbox/fast/json_writer.hpp"

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
    std::string text;
    JsonWriter json(text);
    json.begin_object().key<"status">().value(status(pass));
    json.key<"checks">().begin_object();
    for (const Check& check : checks) {
        json.key(check.name).begin_array().begin_object();
        json.key<"status">().value(status(check.pass));
        if (!check.pass) json.key<"output">().value(check.output);
        json.end_object().end_array();
    }
    json.end_object().end_object();
    return {pass, std::move(text)};
}

std::string list_of(const std::vector<std::string>& pending) {
    constexpr std::size_t most = 10;
    const auto some = static_cast<std::ptrdiff_t>(std::min(most, pending.size()));
    auto list = fmt::format("{} pending: {}", pending.size(),
                            fmt::join(pending.begin(), pending.begin() + some, ", "));
    return pending.size() <= most ? list : list + ", …";
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
        if (const auto pending = pending_migrations_())
            checks.push_back({"migrations", pending->empty(), list_of(*pending)});
    }
    return report(checks);
}

}  // namespace signalbox::admin
