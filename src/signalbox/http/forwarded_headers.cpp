#include "signalbox/http/forwarded_headers.hpp"

#include <string>

#include "signalbox/ascii.hpp"
#include "signalbox/config/units.hpp"
#include "signalbox/http/wire/head.hpp"

namespace signalbox::http {

Parsed<ForwardedHeaders> ForwardedHeaders::parse(std::string_view text) {
    ForwardedHeaders headers{.x_forwarded_for = false, .x_forwarded_proto = false};
    for (const std::string_view element : list_elements(text)) {
        std::string name(element);
        for (char& c : name)
            c = to_lower(c);
        if (name == "x-forwarded-for") {
            headers.x_forwarded_for = true;
        } else if (name == "x-forwarded-proto") {
            headers.x_forwarded_proto = true;
        } else if (name == "x-forwarded-prefix") {
            headers.x_forwarded_prefix = true;
        } else if (name == "forwarded") {
            headers.forwarded = true;
        } else {
            return Invalid{config::printable(element) +
                           ": expected x-forwarded-for, x-forwarded-proto, x-forwarded-prefix or "
                           "forwarded"};
        }
    }
    if (headers.x_forwarded_for && headers.forwarded) {
        return Invalid{
            "x-forwarded-for and forwarded exclude each other: a proxy sets one of them, and "
            "passes "
            "the other on as the client has sent it"};
    }
    return headers;
}

}  // namespace signalbox::http
