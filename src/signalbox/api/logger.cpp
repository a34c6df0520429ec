#include "signalbox/api/logger.hpp"

#include <algorithm>
#include <array>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "signalbox/async/turn.hpp"
#include "signalbox/context/log_fields.hpp"
#include "signalbox/observe/log.hpp"
#include "signalbox/observe/request_fields.hpp"

namespace signalbox::api {

namespace {

/// What lines of the library and of a request have.
constexpr std::array<std::string_view, 13> taken{
    "timestamp",       "severity_text",       "severity_number",  "body",       "trace_id",
    "span_id",         "trace_flags",         "request_id",       "http.route", "service.name",
    "service.version", "service.instance.id", "service.namespace"};

/// A name needs no escaping, and is nobody else's.
std::string field_name(std::string_view name) {
    std::string clean = context::log_field_name(name);
    if (std::find(taken.begin(), taken.end(), clean) != taken.end()) clean += '_';
    return clean;
}

void write(observe::Log& log, config::LogLevel level, std::string_view message,
           Logger::Fields fields) {
    if (!log.enabled(level)) return;
    std::string text;
    observe::Line line = log.begin_line(text, level, message);
    const context::RequestContext* const request = async::Turn::request_of_current();
    if (request != nullptr) {
        if (request->trace) {
            line.add<"trace_id">(request->trace.trace_id());
            line.add<"span_id">(request->trace.span_id());
            line.add<"trace_flags">(request->trace.flags());
        }
        line.add<"request_id">(request->request_id);
        line.add<"http.route">(request->route);
    }
    std::vector<std::string> names;
    for (const LogField& field : fields) {
        names.push_back(field_name(field.name));
        line.add({names.back(), field.value});
    }
    observe::add_fields_of(line, request, names);
    log.end_line(text);
    log.write_lines(text, 1);
}

}  // namespace

void Logger::field(const LogField& field) const {
    context::RequestContext* const request = async::Turn::request_of_current();
    if (request == nullptr) return;
    auto value = std::visit(
        [](const auto& its) -> context::LogFields::Value {
            if constexpr (std::is_same_v<std::decay_t<decltype(its)>, std::string_view>) {
                return std::string(its);
            } else {
                return its;
            }
        },
        field.value);
    request->own_log_fields().set(field.name, std::move(value));
}

void Logger::debug(std::string_view message, Fields fields) const {
    write(log_, config::LogLevel::debug, message, fields);
}

void Logger::info(std::string_view message, Fields fields) const {
    write(log_, config::LogLevel::info, message, fields);
}

void Logger::warning(std::string_view message, Fields fields) const {
    write(log_, config::LogLevel::warning, message, fields);
}

void Logger::error(std::string_view message, Fields fields) const {
    write(log_, config::LogLevel::error, message, fields);
}

}  // namespace signalbox::api
