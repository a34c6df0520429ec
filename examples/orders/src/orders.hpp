#pragma once

#include "signalbox/api/module.hpp"

namespace orders {

/// `/orders` and `/summary`.
signalbox::api::Module endpoints();

}  // namespace orders
