#pragma once

#include <libpq-fe.h>

#include <cstddef>
#include <pqxx/result>
#include <pqxx/row>
#include <string_view>

// The rows of a statement, by whichever library it was run: libpqxx on a thread that may block, or
// libpq on an event loop. What reads them is a template over these two views, which are alike:
// columns and rows are counted from 0, values are PostgreSQL's text form. A view owns nothing.

namespace signalbox::db {

struct TableValue {
    std::string_view text;  ///< valid as long as the result; empty for NULL
    bool is_null;
};

class PqxxTable {
  public:
    explicit PqxxTable(const pqxx::result& rows) : rows_(rows) {}

    [[nodiscard]] std::size_t rows() const { return static_cast<std::size_t>(rows_.size()); }
    [[nodiscard]] int columns() const { return static_cast<int>(rows_.columns()); }
    [[nodiscard]] const char* column_name(int column) const {
        return rows_.column_name(static_cast<pqxx::row_size_type>(column));
    }
    [[nodiscard]] Oid column_type(int column) const {
        return rows_.column_type(static_cast<pqxx::row_size_type>(column));
    }

    class Row {
      public:
        explicit Row(const pqxx::row& row) : field_(row.begin()) {}

        TableValue value(int column) {
            // One iterator that is moved along: each pqxx::field of its own would count references.
            field_ += column - at_;
            at_ = column;
            const std::string_view text{field_.c_str(), static_cast<std::size_t>(field_.size())};
            return {text, text.empty() && field_.is_null()};
        }

      private:
        pqxx::const_row_iterator field_;
        int at_ = 0;
    };

    /// Calls `use(row)` with each Row.
    template <class Use>
    void for_each_row(Use use) const {
        for (auto row = rows_.begin(); row != rows_.end(); ++row) {
            Row fields(row);
            use(fields);
        }
    }

  private:
    const pqxx::result& rows_;
};

class PqTable {
  public:
    /// One that has rows (PGRES_TUPLES_OK), or none at all.
    explicit PqTable(const PGresult* rows) : rows_(rows) {}

    [[nodiscard]] std::size_t rows() const { return static_cast<std::size_t>(PQntuples(rows_)); }
    [[nodiscard]] int columns() const { return PQnfields(rows_); }
    [[nodiscard]] const char* column_name(int column) const { return PQfname(rows_, column); }
    [[nodiscard]] Oid column_type(int column) const { return PQftype(rows_, column); }

    class Row {
      public:
        Row(const PGresult* rows, int number) : rows_(rows), number_(number) {}

        TableValue value(int column) const {
            const std::string_view text{
                PQgetvalue(rows_, number_, column),
                static_cast<std::size_t>(PQgetlength(rows_, number_, column))};
            return {text, text.empty() && PQgetisnull(rows_, number_, column) != 0};
        }

      private:
        const PGresult* rows_;
        int number_;
    };

    /// Calls `use(row)` with each Row.
    template <class Use>
    void for_each_row(Use use) const {
        for (int number = 0; number < PQntuples(rows_); ++number) {
            Row fields(rows_, number);
            use(fields);
        }
    }

  private:
    const PGresult* rows_;
};

}  // namespace signalbox::db
