#include "signalbox/db/detail/rows_json.hpp"

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "signalbox/db/detail/timestamp.hpp"
#include "signalbox/json_writer.hpp"

namespace signalbox::db {

namespace {

enum class Kind { number, boolean, json, timestamp, text };

// The numbers are fixed for ever: src/include/catalog/pg_type.dat of PostgreSQL.
Kind kind_of(pqxx::oid type) {
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

using ColumnNumber = pqxx::row_size_type;

struct Column {
    std::string name;
    std::string key;  // json_key of the name
    ColumnNumber number;
    Kind kind;
};

std::vector<Column> columns_of(const pqxx::result& rows) {
    std::vector<Column> columns;
    for (ColumnNumber number = 0; number < rows.columns(); ++number) {
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
    const char last = text.back();
    if (last >= '0' && last <= '9')
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

}  // namespace

JsonText rows_json(const pqxx::result& rows) {
    const auto columns = columns_of(rows);
    std::string text;
    JsonWriter json(text);
    json.begin_array();
    for (auto row = rows.begin(); row != rows.end(); ++row) {
        json.begin_object();
        // One iterator that is moved along: each pqxx::field of its own would count references.
        auto field = row.begin();
        ColumnNumber at = 0;
        for (const auto& column : columns) {
            field += static_cast<int>(column.number) - static_cast<int>(at);
            at = column.number;
            json.written_key(column.key);
            const std::string_view value{field.c_str(), static_cast<std::size_t>(field.size())};
            if (value.empty() && field.is_null())
                json.value(nullptr);
            else
                append_value(json.place(), column.kind, value);
        }
        json.end_object();
        // One row tells what the others will take, roughly.
        if (text.capacity() < text.size() * 2 && row == rows.begin())
            text.reserve(text.size() * (static_cast<std::size_t>(rows.size()) + 1));
    }
    json.end_array();
    return JsonText{std::move(text)};
}

}  // namespace signalbox::db
