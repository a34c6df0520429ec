#pragma once

#include <array>
#include <string_view>
#include <utility>

#include "signalbox/model/type.hpp"

namespace fastapi {

enum class Status { open, paid, in_transit };
constexpr auto wire_names(Status) {
    return std::array<std::pair<Status, std::string_view>, 3>{
        {{Status::open, "open"}, {Status::paid, "paid"}, {Status::in_transit, "in-transit"}}};
}

enum class Priority { low = 1, normal = 5, high = 10 };
constexpr signalbox::model::AsNumbers wire_names(Priority) {
    return {};
}

}  // namespace fastapi
