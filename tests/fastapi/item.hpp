#pragma once

#include <cstdint>
#include <string>

#include "signalbox/api/parameters.hpp"

namespace fastapi {

struct Item {
    template <class T, auto... rules>
    using Field = signalbox::api::Field<T, rules...>;

    Field<std::string, signalbox::api::MinLength(1), signalbox::api::MaxLength(40)> sku;
    Field<std::int64_t, signalbox::api::Ge(1), signalbox::api::Le(100)> quantity = 1;
    Field<double, signalbox::api::Gt(0)> price;
};

}  // namespace fastapi
