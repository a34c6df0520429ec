#include "signalbox/http/request.hpp"

#include <array>

#include "signalbox/http/cookies.hpp"
#include "signalbox/http/query.hpp"
#include "signalbox/http/wire/head.hpp"

namespace signalbox::http {

namespace {

/// In the order of the enumeration.
constexpr std::array<std::string_view, 9> method_names{
    "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT"};

}  // namespace

std::string_view to_string(Method method) {
    return method_names[static_cast<std::size_t>(method)];
}

std::optional<Method> parse_method(std::string_view name) {
    for (std::size_t i = 0; i < method_names.size(); ++i) {
        if (method_names[i] == name) return static_cast<Method>(i);
    }
    return std::nullopt;
}

std::optional<std::string_view> Request::header(std::string_view name) const {
    for (const Header& header : headers) {
        if (is_named(header, name)) return header.value;
    }
    return std::nullopt;
}

std::optional<std::string_view> Request::path_parameter(std::string_view name) const {
    for (const auto& [parameter, value] : path_parameters) {
        if (parameter == name) return value;
    }
    return std::nullopt;
}

std::optional<std::string> Request::query_parameter(std::string_view name) const {
    return find_query_parameter(query, name);
}

std::optional<std::string> Request::cookie(std::string_view name) const {
    std::optional<std::string> value;
    for_each_cookie(*this, [&](std::string_view its_name, std::string_view its_value) {
        if (its_name == name) value = its_value;
    });
    return value;
}

}  // namespace signalbox::http
