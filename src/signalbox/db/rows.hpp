#pragma once

#include <utility>

#include "signalbox/json.hpp"
#include "signalbox/model/type.hpp"

namespace signalbox::db {

namespace detail {

template <class T>
inline constexpr bool is_row = model::type_of<T>.kind == model::Type::Kind::object;

}  // namespace detail

/// Rows of a statement as the JSON of a list of T: what PostgreSQL sent, passed on without making a
/// T. It has only the columns that T has, in T's order and by the names that T gives them, whatever
/// else was selected. Pool::fetch_rows makes one; copying it costs a reference count, and any
/// thread may read it.
template <class T>
class Rows {
    static_assert(detail::is_row<T>, "rows are described by a struct, a column for each member");

  public:
    /// Takes JSON that is such a list, unchecked.
    explicit Rows(JsonText json) : json_(std::move(json)) {}

    [[nodiscard]] const JsonText& json() const noexcept { return json_; }

  private:
    JsonText json_;
};

/// The same for one row: the JSON of a T. See Pool::fetch_row.
template <class T>
class Row {
    static_assert(detail::is_row<T>, "a row is described by a struct, a column for each member");

  public:
    /// Takes JSON that is such an object, unchecked.
    explicit Row(JsonText json) : json_(std::move(json)) {}

    [[nodiscard]] const JsonText& json() const noexcept { return json_; }

  private:
    JsonText json_;
};

}  // namespace signalbox::db
