#include "auth.hpp"

#include "signalbox/http/errors.hpp"

namespace orders {

signalbox::async::Task<std::string> current_user(signalbox::api::Bearer bearer) {
    if (!signalbox::api::equal_in_constant_time(bearer.token, "secret")) {
        throw signalbox::http::HttpError(401, "Invalid token", {{"WWW-Authenticate", "Bearer"}});
    }
    co_return "ada";
}

}  // namespace orders
