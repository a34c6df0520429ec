#pragma once

#include <string>

namespace signalbox::test {

/// Of the service that is tested.
const std::string& service_binary();

/// The top of the checkout.
const std::string& source_folder();

}  // namespace signalbox::test
