#pragma once

#include <exception>
#include <string>
#include <string_view>

#include "signalbox/context/request_context.hpp"
#include "signalbox/http/request.hpp"
#include "signalbox/http/response.hpp"
#include "signalbox/http/wire/head.hpp"

namespace signalbox::http {

/// The answer to what a handler threw, or to its cancellation. Where the request's route does not
/// answer to it, this is the one table from errors to HTTP; a new kind of error gets its line here.
/// The cause is left in `context` for the log: the client of a 500 learns nothing of it.
Response answer_to_error(const std::exception_ptr& thrown, context::RequestContext& context,
                         Request& request);

/// The answer to a message that was refused. Its detail says why, to the client's developer.
Response answer_to_malformed(const Malformed& why);

/// Of a response that ends in the middle, as its stream has thrown.
std::string_view error_type_of_cut_stream(const std::exception_ptr& thrown);

/// For the log: what it says, and what those say that are nested in it.
std::string cause_of(const std::exception_ptr& thrown);

}  // namespace signalbox::http
