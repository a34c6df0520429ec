#include "signalbox/testing/response.hpp"

#include <algorithm>
#include <ostream>

#include "signalbox/http/response.hpp"
#include "signalbox/http/wire/head.hpp"

namespace signalbox::test {

std::optional<std::string_view> Response::header(std::string_view name) const {
    const auto found = std::find_if(headers.begin(), headers.end(), [name](const auto& each) {
        return http::is_named({each.first, each.second}, name);
    });
    if (found == headers.end()) return std::nullopt;
    return found->second;
}

JsonValue Response::json() const {
    return JsonValue::parse(body);
}

std::ostream& operator<<(std::ostream& out, const Response& response) {
    out << response.status << ' ' << http::reason_phrase(response.status) << '\n';
    for (const auto& [name, value] : response.headers)
        out << name << ": " << value << '\n';
    out << '\n' << response.body;
    if (response.cut) out << "\n\nand here it was cut";
    if (!response.cause.empty()) out << "\n\ncause: " << response.cause;
    return out;
}

}  // namespace signalbox::test
