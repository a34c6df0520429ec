#pragma once

#include "models.hpp"

namespace orders {

/// Who asks. 401 for a token that is nobody's.
Task<std::string> current_user(Bearer bearer);

/// `/orders`, `/orders.csv`, `/summary` and `/upstream`.
Module endpoints();

}  // namespace orders
