#pragma once

#include "signalbox/api/module.hpp"

namespace signalbox::test {

/// Endpoints of tests/fastapi/app.py, every kind of value and every place once, for what is written
/// about them. They answer with what they get, or not at all.
api::Module documented_api();

}  // namespace signalbox::test
