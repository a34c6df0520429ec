#include "signalbox/http/request.hpp"

#include "signalbox/http/wire/head.hpp"
#include "signalbox/http/wire/uri.hpp"

namespace signalbox::http {

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

}  // namespace signalbox::http
