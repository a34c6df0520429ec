#pragma once

#include <span>
#include <string>

#include "signalbox/context/request_context.hpp"
#include "signalbox/observe/log.hpp"

namespace signalbox::observe {

/// Adds what the application has added to the request (context::LogFields), but for the names that
/// the line has already. The request may be null. For its event loop's thread.
void add_fields_of(Line& line, const context::RequestContext* request,
                   std::span<const std::string> except = {});

}  // namespace signalbox::observe
