#include "signalbox/db/detail/rows_json.hpp"

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "signalbox/ascii.hpp"
#include "signalbox/db/detail/json_buffer.hpp"
#include "signalbox/db/detail/result_table.hpp"
#include "signalbox/db/detail/timestamp.hpp"
#include "signalbox/fast/json_string.hpp"
#include "signalbox/fast/json_writer.hpp"

namespace signalbox::db {

namespace {

enum class Kind { number, boolean, json, timestamp, text };

// The numbers are fixed for ever: src/include/catalog/pg_type.dat of PostgreSQL.
Kind kind_of(Oid type) {
    switch (type) {
        case 16:
            return Kind::boolean;
        case 20:    // int8
        case 21:    // int2
        case 23:    // int4
        case 26:    // oid
        case 700:   // float4
        case 701:   // float8
        case 1700:  // numeric
            return Kind::number;
        case 114:   // json
        case 3802:  // jsonb
            return Kind::json;
        case 1114:  // timestamp
        case 1184:  // timestamptz
            return Kind::timestamp;
        default:
            return Kind::text;
    }
}

struct Column {
    std::string name;
    std::string key;  // json_key of the name
    int number;
    Kind kind;
};

template <class Table>
std::vector<Column> columns_of(const Table& rows) {
    std::vector<Column> columns;
    for (int number = 0; number < rows.columns(); ++number) {
        const std::string name = rows.column_name(number);
        const Kind kind = kind_of(rows.column_type(number));
        bool repeated = false;
        for (auto& column : columns) {
            if (column.name != name) continue;
            column.number = number;
            column.kind = kind;
            repeated = true;
        }
        if (repeated) continue;
        columns.push_back({name, json_key(name), number, kind});
    }
    return columns;
}

void append_number(std::string& json, std::string_view text) {
    if (is_digit(text.back()))
        json += text;
    else
        append_json_string(json, text);  // NaN, Infinity, -Infinity
}

void append_value(std::string& json, Kind kind, std::string_view text) {
    switch (kind) {
        case Kind::number:
            return append_number(json, text);
        case Kind::boolean:
            json += text == "t" ? "true" : "false";
            return;
        case Kind::json:
            return append_utf8(json, text);
        case Kind::timestamp:
            return append_timestamp(json, text);
        case Kind::text:
            return append_json_string(json, text);
    }
}

/// One that is not to be in the buffer's string as a whole.
void append_long_value(JsonBuffer& buffer, Kind kind, std::string_view text) {
    switch (kind) {
        case Kind::json:
            return buffer.append_long_json(text);
        case Kind::text:
            return buffer.append_long_string(text);
        case Kind::number:
        case Kind::boolean:
        case Kind::timestamp:
            return append_value(buffer.text(), kind, text);
    }
}

template <class Table>
JsonText write_rows(const Table& rows) {
    const auto columns = columns_of(rows);
    JsonBuffer buffer;
    JsonWriter json(buffer.text());
    json.begin_array();
    bool first = true;
    rows.for_each_row([&](auto& row) {
        json.begin_object();
        for (const auto& column : columns) {
            json.written_key(column.key);
            const TableValue value = row.value(column.number);
            if (value.is_null) {
                json.value(nullptr);
            } else if (value.text.size() > JsonBuffer::piece) {
                json.place();
                append_long_value(buffer, column.kind, value.text);
            } else {
                append_value(json.place(), column.kind, value.text);
            }
        }
        json.end_object();
        buffer.keep();
        // One row tells what the others will take, roughly.
        if (std::exchange(first, false)) buffer.expect(rows.rows() + 1);
    });
    json.end_array();
    return buffer.finish();
}

}  // namespace

JsonText rows_json(const pqxx::result& rows) {
    return write_rows(PqxxTable(rows));
}

JsonText rows_json(const PGresult* rows) {
    return write_rows(PqTable(rows));
}

}  // namespace signalbox::db
