#include "signalbox/http/middleware/response_headers.hpp"

#include <algorithm>
#include <utility>

#include "signalbox/http/wire/head.hpp"

namespace signalbox::http {

namespace {

auto named(std::string_view name) {
    return
        [name](const auto& header) { return is_named({.name = header.first, .value = {}}, name); };
}

}  // namespace

const std::string* find_header(const Headers& headers, std::string_view name) {
    const auto found = std::find_if(headers.begin(), headers.end(), named(name));
    return found == headers.end() ? nullptr : &found->second;
}

void set_header(Headers& headers, std::string_view name, std::string value) {
    headers.erase(std::remove_if(headers.begin(), headers.end(), named(name)), headers.end());
    headers.emplace_back(name, std::move(value));
}

void add_vary(Headers& headers, std::string_view name) {
    constexpr std::string_view vary = "Vary";
    std::string all;
    for (const auto& header : headers) {
        if (!named(vary)(header)) continue;
        if (has_token(header.second, name) || has_token(header.second, "*")) return;
        if (!all.empty()) all += ", ";
        all += header.second;
    }
    if (!all.empty()) all += ", ";
    set_header(headers, vary, all.append(name));
}

}  // namespace signalbox::http
