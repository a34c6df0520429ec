#include "signalbox/admin/debug.hpp"

#include <fmt/compile.h>
#include <fmt/format.h>
#include <rapidjson/document.h>

#include <charconv>
#include <chrono>
#include <iterator>
#include <limits>
#include <optional>
#include <utility>

#include "signalbox/http/errors.hpp"
#include "signalbox/json.hpp"

namespace signalbox::admin {

namespace {

using Clock = context::RequestContext::Clock;

void append_string(std::string& json, std::string_view name, std::string_view value) {
    fmt::format_to(std::back_inserter(json), FMT_COMPILE("\"{}\":"), name);
    append_json_string(json, value);
    json += ',';
}

void append_seconds(std::string& json, std::string_view name, Clock::duration duration) {
    fmt::format_to(std::back_inserter(json), FMT_COMPILE("\"{}\":{:.6f},"), name,
                   std::chrono::duration<double>(duration).count());
}

/// Takes the comma behind the last member or element away, and closes.
void close(std::string& json, char bracket) {
    if (json.back() == ',') json.pop_back();
    json.append(1, bracket);
}

void append_entry(std::string& json, const observe::InFlightEntry& entry, Clock::time_point now) {
    json += '{';
    append_string(json, "request_id", entry.request_id);
    append_string(json, "trace_id", entry.trace.trace_id());
    append_string(json, "http.request.method", entry.method);
    append_string(json, "http.route", entry.route);
    append_string(json, "url.path", entry.path);
    append_string(json, "client.address", entry.client_address);
    append_seconds(json, "age_s", now - entry.started);
    append_string(json, "waiting_for", to_string(entry.waiting));
    append_seconds(json, "waiting_s", now - entry.waiting_since);
    if (entry.deadline == Clock::time_point::max()) {
        json += "\"deadline_s\":null,";
    } else {
        append_seconds(json, "deadline_s", entry.deadline - now);
    }
    close(json, '}');
    json += ',';
}

/// The number of entries asked for; all when none is named.
std::size_t limit_of(const http::Request& request) {
    const auto text = request.query_parameter("limit");
    if (!text) return std::numeric_limits<std::size_t>::max();
    std::size_t limit = 0;
    const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), limit);
    if (error != std::errc() || end != text->data() + text->size()) {
        throw http::HttpError(422, "limit: expected a number of requests");
    }
    return limit;
}

http::Response settings(const observe::Log& log, const http::Telemetry& telemetry) {
    return http::json(
        {{"level", to_string(log.level())}, {"access_log", to_string(telemetry.access_log())}});
}

struct Settings {
    std::optional<LogLevel> level;
    std::optional<AccessLog> access_log;
};

template <class Value>
Value parse_member(std::string_view name, const rapidjson::Value& value,
                   Parsed<Value> (*parse)(std::string_view)) {
    if (!value.IsString()) throw http::HttpError(422, fmt::format("{}: expected a string", name));
    const auto parsed = parse({value.GetString(), value.GetStringLength()});
    if (!parsed) throw http::HttpError(422, fmt::format("{}: {}", name, parsed.reason()));
    return *parsed;
}

Settings parse_settings(const std::string& body) {
    rapidjson::Document document;
    document.Parse<rapidjson::kParseIterativeFlag>(body.data(), body.size());
    // For rapidjson a NUL is the end, whatever comes behind it.
    const bool cut = body.find('\0') != std::string::npos;
    if (cut || document.HasParseError() || !document.IsObject()) {
        throw http::HttpError(422, R"(expected an object like {"level":"debug"})");
    }
    Settings settings;
    for (const auto& member : document.GetObject()) {
        const std::string_view name(member.name.GetString(), member.name.GetStringLength());
        if (name == "level") {
            settings.level = parse_member(name, member.value, parse_log_level);
        } else if (name == "access_log") {
            settings.access_log = parse_member(name, member.value, parse_access_log);
        } else {
            throw http::HttpError(422, "expected only level and access_log");
        }
    }
    return settings;
}

}  // namespace

std::string to_json(const observe::InFlightSnapshot& snapshot) {
    std::string json = fmt::format(R"({{"total":{},"summary":[)", snapshot.total);
    json.reserve(256 + 512 * snapshot.entries.size());
    for (const auto& [method, route, waiting, count] : snapshot.counts) {
        json += '{';
        append_string(json, "http.request.method", method);
        append_string(json, "http.route", route);
        append_string(json, "waiting_for", to_string(waiting));
        fmt::format_to(std::back_inserter(json), "\"count\":{}}},", count);
    }
    close(json, ']');
    json += ",\"requests\":[";
    for (const auto& entry : snapshot.entries)
        append_entry(json, entry, snapshot.taken);
    close(json, ']');
    return json += '}';
}

async::Task<http::Response> get_requests(http::Request& request, const http::Telemetry& telemetry) {
    co_return http::json(JsonText(to_json(telemetry.in_flight(limit_of(request)))));
}

async::Task<http::Response> get_log_level(http::Request&, const observe::Log& log,
                                          const http::Telemetry& telemetry) {
    co_return settings(log, telemetry);
}

async::Task<http::Response> put_log_level(http::Request& request, observe::Log& log,
                                          http::Telemetry& telemetry) {
    const Settings wanted = parse_settings(request.body);
    // Before and after, because either level may keep this line out, and a log should tell who
    // silenced it.
    const auto tell = [&] {
        log.write(LogLevel::info, "log settings changed",
                  {{"level", to_string(wanted.level.value_or(log.level()))},
                   {"access_log", to_string(wanted.access_log.value_or(telemetry.access_log()))},
                   {"client.address", request.client_address}});
    };
    const bool told = log.enabled(LogLevel::info);
    if (told) tell();
    if (wanted.level) log.set_level(*wanted.level);
    if (wanted.access_log) telemetry.set_access_log(*wanted.access_log);
    if (!told) tell();
    co_return settings(log, telemetry);
}

}  // namespace signalbox::admin
