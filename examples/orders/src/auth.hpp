#pragma once

#include <string>

#include "signalbox/api/injection.hpp"
#include "signalbox/async/task.hpp"

namespace orders {

/// Who asks. 401 for a token that is nobody's.
signalbox::async::Task<std::string> current_user(signalbox::api::Bearer bearer);

using User = signalbox::api::Depends<current_user>;

}  // namespace orders
