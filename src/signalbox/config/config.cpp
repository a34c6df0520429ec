#include "signalbox/config/config.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "signalbox/config/units.hpp"

namespace signalbox::config {
namespace {

constexpr std::array<std::pair<std::string_view, LogLevel>, 6> log_levels{
    {{"trace", LogLevel::trace},
     {"debug", LogLevel::debug},
     {"info", LogLevel::info},
     {"warning", LogLevel::warning},
     {"error", LogLevel::error},
     {"critical", LogLevel::critical}}};
constexpr std::array<std::pair<std::string_view, AccessLog>, 3> access_logs{
    {{"all", AccessLog::all}, {"errors", AccessLog::errors}, {"off", AccessLog::off}}};

template <typename Enum, std::size_t N>
Parsed<Enum> parse_name(const std::array<std::pair<std::string_view, Enum>, N>& names,
                        std::string_view text) {
    std::string known;
    for (const auto& [name, value] : names) {
        if (name == text) return value;
        known += (known.empty() ? "" : ", ") + std::string{name};
    }
    return Invalid{printable(text) + ": expected one of " + known};
}

}  // namespace

std::string_view to_string(LogLevel level) {
    return log_levels.at(static_cast<std::size_t>(level)).first;
}

std::string_view to_string(AccessLog which) {
    return access_logs.at(static_cast<std::size_t>(which)).first;
}

Parsed<LogLevel> parse_log_level(std::string_view name) {
    return parse_name(log_levels, name);
}

Parsed<AccessLog> parse_access_log(std::string_view name) {
    return parse_name(access_logs, name);
}

std::size_t Config::effective_concurrency() const {
    return std::min(limit_concurrency, limit_connections);
}

}  // namespace signalbox::config
