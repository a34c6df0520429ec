#pragma once

#include <cstdint>
#include <deque>
#include <memory>

#include "signalbox/model/type.hpp"

namespace signalbox::db {

/// How a statement's rows are returned when their type is given. There is one for each type:
/// compare addresses.
struct RowForm {
    enum class Shape : std::uint8_t {
        json_rows,  ///< a JSON array
        json_row,   ///< a JSON object, of one row; no text when there is none
        values,     ///< objects
    };

    Shape shape;
    const model::Type* type;          ///< of a row, or of the first column when that is no struct
    std::shared_ptr<void> (*make)();  ///< a list of such, empty
    void* (*add)(void* list);         ///< one more
};

/// What the rows are read into. A std::deque: the items of a std::vector<bool> are no objects.
template <class T>
using RowValues = std::deque<T>;

template <class T, RowForm::Shape its_shape>
inline constexpr RowForm row_form{
    .shape = its_shape,
    .type = &model::type_of<T>,
    .make = []() -> std::shared_ptr<void> { return std::make_shared<RowValues<T>>(); },
    .add = [](void* list) -> void* { return &static_cast<RowValues<T>*>(list)->emplace_back(); }};

}  // namespace signalbox::db
