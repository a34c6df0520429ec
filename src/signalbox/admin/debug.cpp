#include "signalbox/admin/debug.hpp"

#include <fmt/format.h>

#include <charconv>
#include <chrono>
#include <limits>
#include <optional>
#include <utility>

#include "signalbox/fast/json_writer.hpp"
#include "signalbox/http/errors.hpp"
#include "signalbox/json.hpp"
#include "signalbox/json_reader.hpp"

namespace signalbox::admin {

namespace {

using Clock = context::RequestContext::Clock;

void write_entry(JsonWriter& json, const observe::InFlightEntry& entry, Clock::time_point now) {
    json.begin_object();
    json.key<"request_id">().value(entry.request_id);
    json.key<"trace_id">().value(entry.trace.trace_id());
    json.key<"http.request.method">().value(entry.method);
    json.key<"http.route">().value(entry.route);
    json.key<"url.path">().value(entry.path);
    json.key<"client.address">().value(entry.client_address);
    json.key<"age_s">().value(now - entry.started);
    json.key<"waiting_for">().value(to_string(entry.waiting));
    json.key<"waiting_s">().value(now - entry.waiting_since);
    json.key<"transaction_s">();
    if (entry.in_transaction_since) {
        json.value(now - *entry.in_transaction_since);
    } else {
        json.value(nullptr);
    }
    json.key<"deadline_s">();
    if (entry.deadline == Clock::time_point::max()) {
        json.value(nullptr);
    } else {
        json.value(entry.deadline - now);
    }
    json.end_object();
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
    std::optional<config::LogLevel> level;
    std::optional<config::AccessLog> access_log;
};

template <class Value>
Value parse_member(std::string_view name, const rapidjson::Value& value,
                   Parsed<Value> (*parse)(std::string_view)) {
    if (!value.IsString()) throw http::HttpError(422, fmt::format("{}: expected a string", name));
    const auto parsed = parse({value.GetString(), value.GetStringLength()});
    if (!parsed) throw http::HttpError(422, fmt::format("{}: {}", name, parsed.reason()));
    return *parsed;
}

Settings parse_settings(std::string_view body) {
    const auto document = parse_json(body);
    if (!document) throw http::HttpError(422, document.reason());
    if (!document->IsObject()) {
        throw http::HttpError(422, R"(expected an object like {"level":"debug"})");
    }
    Settings settings;
    for (const auto& member : document->GetObject()) {
        const std::string_view name(member.name.GetString(), member.name.GetStringLength());
        if (name == "level") {
            settings.level = parse_member(name, member.value, config::parse_log_level);
        } else if (name == "access_log") {
            settings.access_log = parse_member(name, member.value, config::parse_access_log);
        } else {
            throw http::HttpError(422, "expected only level and access_log");
        }
    }
    return settings;
}

}  // namespace

std::string to_json(const observe::InFlightSnapshot& snapshot) {
    std::string text;
    text.reserve(256 + 512 * snapshot.entries.size());
    JsonWriter json(text);
    json.begin_object().key<"total">().value(snapshot.total);
    json.key<"summary">().begin_array();
    for (const auto& [method, route, waiting, count] : snapshot.counts) {
        json.begin_object();
        json.key<"http.request.method">().value(method);
        json.key<"http.route">().value(route);
        json.key<"waiting_for">().value(to_string(waiting));
        json.key<"count">().value(count);
        json.end_object();
    }
    json.end_array().key<"requests">().begin_array();
    for (const auto& entry : snapshot.entries)
        write_entry(json, entry, snapshot.taken);
    json.end_array().end_object();
    return text;
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
        log.write(config::LogLevel::info, "log settings changed",
                  {{"level", to_string(wanted.level.value_or(log.level()))},
                   {"access_log", to_string(wanted.access_log.value_or(telemetry.access_log()))},
                   {"client.address", request.client_address}});
    };
    const bool told = log.enabled(config::LogLevel::info);
    if (told) tell();
    if (wanted.level) log.set_level(*wanted.level);
    if (wanted.access_log) telemetry.set_access_log(*wanted.access_log);
    if (!told) tell();
    co_return settings(log, telemetry);
}

}  // namespace signalbox::admin
