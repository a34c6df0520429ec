#include "signalbox/db/rows_json.hpp"

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "signalbox/db/timestamp.hpp"

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
    std::string key;  // as it stands in the output, with what goes before and behind it
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
        columns.push_back({name, columns.empty() ? "{" : ",", number, kind});
        append_json_string(columns.back().key, name);
        columns.back().key += ':';
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

// Everything is either verbatim or a string, so rapidjson's Writer would only add the commas, at
// the price of escaping each key again for each row.
Json rows_json(const pqxx::result& rows) {
    const auto columns = columns_of(rows);
    std::string json = "[";
    for (auto row = rows.begin(); row != rows.end(); ++row) {
        if (json.size() > 1) json += ',';
        if (columns.empty()) json += '{';  // SELECT FROM items: PostgreSQL allows it
        // One iterator that is moved along: each pqxx::field of its own would count references.
        auto field = row.begin();
        ColumnNumber at = 0;
        for (const auto& column : columns) {
            field += static_cast<int>(column.number) - static_cast<int>(at);
            at = column.number;
            json += column.key;
            const std::string_view text{field.c_str(), static_cast<std::size_t>(field.size())};
            if (text.empty() && field.is_null())
                json += "null";
            else
                append_value(json, column.kind, text);
        }
        json += '}';
        // One row tells what the others will take, roughly.
        if (json.capacity() < json.size() * 2 && row == rows.begin())
            json.reserve(json.size() * (static_cast<std::size_t>(rows.size()) + 1));
    }
    json += ']';
    return Json{std::move(json)};
}

}  // namespace signalbox::db
