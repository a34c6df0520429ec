#pragma once

#include <libpq-fe.h>

#include <cstddef>
#include <exception>
#include <string>
#include <string_view>

namespace signalbox::db {

[[nodiscard]] std::string_view sqlstate_of(const PGresult& result);

/// What a statement that failed throws (error.hpp), as Connection::read() does.
[[nodiscard]] std::exception_ptr failure(const PGresult& result);

/// Of an exception that a statement has thrown; empty when it has none.
[[nodiscard]] std::string sqlstate_of(const std::exception_ptr& error);

/// For the metric: PostgreSQL's five letters, or what went wrong without it; empty for no error.
[[nodiscard]] std::string error_type(const std::exception_ptr& error);

[[nodiscard]] std::size_t affected_rows(const PGresult& result);

}  // namespace signalbox::db
