#include "signalbox/db/detail/model_rows.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "signalbox/ascii.hpp"
#include "signalbox/db/detail/bytea.hpp"
#include "signalbox/db/detail/interval.hpp"
#include "signalbox/db/detail/json_buffer.hpp"
#include "signalbox/db/detail/result_table.hpp"
#include "signalbox/db/detail/timestamp.hpp"
#include "signalbox/db/error.hpp"
#include "signalbox/fast/json_string.hpp"
#include "signalbox/fast/json_writer.hpp"
#include "signalbox/model/base64.hpp"
#include "signalbox/model/reader.hpp"

namespace signalbox::db {

namespace {

using model::Type;
using Kind = Type::Kind;

/// A type of PostgreSQL. The numbers are fixed for ever: src/include/catalog/pg_type.dat.
// NOLINTNEXTLINE(clang-analyzer-optin.performance.Padding): in the order in which it is written
struct ColumnType {
    enum class Sort {
        boolean,
        integer,
        real,
        numeric,
        json,
        moment,
        date,
        interval,
        uuid,
        text,
        other,  ///< what no other member is made for than a std::string
        bytes,
        array,
    };

    Oid oid;
    std::string_view name;
    Sort sort;
    std::size_t size = 0;  ///< of an integer or real, in bytes
    Oid item = 0;          ///< of an array
};
using Sort = ColumnType::Sort;

constexpr ColumnType column_types[] = {
    {16, "boolean", Sort::boolean},
    {17, "bytea", Sort::bytes},
    {18, "\"char\"", Sort::text},
    {19, "name", Sort::text},
    {20, "bigint", Sort::integer, 8},
    {21, "smallint", Sort::integer, 2},
    {23, "integer", Sort::integer, 4},
    {25, "text", Sort::text},
    {26, "oid", Sort::integer, 4},
    {114, "json", Sort::json},
    {142, "xml", Sort::other},
    {199, "json[]", Sort::array, 0, 114},
    {650, "cidr", Sort::other},
    {700, "real", Sort::real, 4},
    {701, "double precision", Sort::real, 8},
    {774, "macaddr8", Sort::other},
    {790, "money", Sort::other},
    {829, "macaddr", Sort::other},
    {869, "inet", Sort::other},
    {1000, "boolean[]", Sort::array, 0, 16},
    {1001, "bytea[]", Sort::array, 0, 17},
    {1002, "\"char\"[]", Sort::array, 0, 18},
    {1003, "name[]", Sort::array, 0, 19},
    {1005, "smallint[]", Sort::array, 0, 21},
    {1007, "integer[]", Sort::array, 0, 23},
    {1009, "text[]", Sort::array, 0, 25},
    {1014, "character[]", Sort::array, 0, 1042},
    {1015, "character varying[]", Sort::array, 0, 1043},
    {1016, "bigint[]", Sort::array, 0, 20},
    {1021, "real[]", Sort::array, 0, 700},
    {1022, "double precision[]", Sort::array, 0, 701},
    {1028, "oid[]", Sort::array, 0, 26},
    {1041, "inet[]", Sort::array, 0, 869},
    {1042, "character", Sort::text},
    {1043, "character varying", Sort::text},
    {1082, "date", Sort::date},
    {1083, "time", Sort::other},
    {1114, "timestamp", Sort::moment},
    {1115, "timestamp[]", Sort::array, 0, 1114},
    {1182, "date[]", Sort::array, 0, 1082},
    {1183, "time[]", Sort::array, 0, 1083},
    {1184, "timestamp with time zone", Sort::moment},
    {1185, "timestamp with time zone[]", Sort::array, 0, 1184},
    {1186, "interval", Sort::interval},
    {1187, "interval[]", Sort::array, 0, 1186},
    {1231, "numeric[]", Sort::array, 0, 1700},
    {1266, "time with time zone", Sort::other},
    {1560, "bit", Sort::other},
    {1562, "bit varying", Sort::other},
    {1700, "numeric", Sort::numeric},
    {2950, "uuid", Sort::uuid},
    {2951, "uuid[]", Sort::array, 0, 2950},
    {3802, "jsonb", Sort::json},
    {3807, "jsonb[]", Sort::array, 0, 3802},
    {3904, "int4range", Sort::other},
    {3906, "numrange", Sort::other},
    {3908, "tsrange", Sort::other},
    {3910, "tstzrange", Sort::other},
    {3912, "daterange", Sort::other},
    {3926, "int8range", Sort::other},
};

constexpr Oid oid_oid = 26;
/// What a database has defined itself begins here: enums and citext, which are texts.
constexpr Oid first_own_oid = 16384;

const ColumnType* column_type(Oid oid) {
    const auto* const found =
        std::lower_bound(std::begin(column_types), std::end(column_types), oid,
                         [](const ColumnType& type, Oid sought) { return type.oid < sought; });
    return found != std::end(column_types) && found->oid == oid ? found : nullptr;
}

/// How a value is checked and written.
enum class Form {
    boolean,
    integer,          ///< of a type whose values all fit
    checked_integer,  ///< one that may be out of range
    whole_number,     ///< an integer that is to be a floating-point number
    real,
    parsed_number,  ///< of another precision
    decimal,
    text,
    name,  ///< one of several texts, or numbers
    uuid,
    bytes,
    date_time,
    date,
    duration,
    json,
    parsed_json,
    array,
};

/// One that a member is read from.
struct Column {
    std::string_view name;
    std::string key;  ///< json_key of the name
    int number;
    const Type* member;  ///< as it is declared
    const Type* type;    ///< of its value: no Field, no std::optional
    std::size_t offset;
    bool nullable;
    Form form;
    std::vector<Column> item{};  ///< of an array: how each of its items is read
};

/// Of an array, its items'. One of a type that a database has defined is an array of such: which
/// they are only the database knows.
Oid item_type_of(Oid oid) {
    const ColumnType* const column = column_type(oid);
    return column != nullptr ? column->item : first_own_oid;
}

const Type& value_type(const Type& type) {
    return type.kind == Kind::nullable ? value_type(*type.inner) : type;
}

std::string_view words(const Type& type) {
    switch (type.kind) {
        case Kind::boolean:
            return "a bool";
        case Kind::integer:
            return "an integer";
        case Kind::number:
            return "a floating-point number";
        case Kind::string:
            return "a std::string";
        case Kind::decimal:
            return "a Decimal";
        case Kind::uuid:
            return "a Uuid";
        case Kind::bytes:
            return "a Bytes";
        case Kind::date_time:
            return "a DateTime";
        case Kind::date:
            return "a date";
        case Kind::duration:
            return "a duration";
        case Kind::choice:
            return "an enum";
        case Kind::literal:
            return "a Literal";
        case Kind::json:
            return "a JsonText";
        case Kind::file:
            return "a file of a form";
        case Kind::list:
            return "a list";
        case Kind::map:
            return "a map";
        case Kind::object:
            return "a struct";
        case Kind::nullable:
            return "a std::optional";
        case Kind::variant:
            return "a std::variant";
    }
    return "";
}

/// What a row is read as, before what is wrong with it.
std::string reader_name(const Type& row) {
    return row.kind == Kind::object ? std::string(row.full_name) : "a value";
}

/// How a column of this type is a value of that one. Nothing when it cannot be.
std::optional<Form> form_of(const Type& type, Oid oid) {
    const ColumnType* const column = column_type(oid);
    const auto when = [&](Sort sort, Form form) -> std::optional<Form> {
        if (column != nullptr && column->sort == sort) return form;
        return std::nullopt;
    };
    const bool is_text = column != nullptr ? column->sort == Sort::text : oid >= first_own_oid;
    switch (type.kind) {
        case Kind::boolean:
            return when(Sort::boolean, Form::boolean);
        case Kind::integer: {
            if (column == nullptr || column->sort != Sort::integer) return std::nullopt;
            const bool fits = oid == oid_oid ? type.size > column->size ||
                                                   (!type.is_signed && type.size == column->size)
                                             : type.is_signed && type.size >= column->size;
            return fits ? Form::integer : Form::checked_integer;
        }
        case Kind::number:
            if (column == nullptr) return std::nullopt;
            if (column->sort == Sort::integer) return Form::whole_number;
            if (column->sort == Sort::real && column->size <= type.size) return Form::real;
            if (column->sort == Sort::real || column->sort == Sort::numeric)
                return Form::parsed_number;
            return std::nullopt;
        case Kind::decimal:
            if (column != nullptr &&
                (column->sort == Sort::integer || column->sort == Sort::numeric))
                return Form::decimal;
            return std::nullopt;
        case Kind::string:
            return is_text ? std::optional(Form::text) : when(Sort::other, Form::text);
        case Kind::choice:
            if (type.numbers) return when(Sort::integer, Form::name);
            [[fallthrough]];
        case Kind::literal:
            return is_text ? std::optional(Form::name) : std::nullopt;
        case Kind::uuid:
            return when(Sort::uuid, Form::uuid);
        case Kind::bytes:
            return when(Sort::bytes, Form::bytes);
        case Kind::date_time:
            return when(Sort::moment, Form::date_time);
        case Kind::date:
            return when(Sort::date, Form::date);
        case Kind::duration:
            return when(Sort::interval, Form::duration);
        case Kind::json:
            return when(Sort::json, Form::json);
        case Kind::list:
            if (column != nullptr ? column->sort == Sort::array : oid >= first_own_oid) {
                const auto item = form_of(value_type(*type.inner), item_type_of(oid));
                const bool fits = item && *item != Form::parsed_json && *item != Form::array;
                return fits ? std::optional(Form::array) : std::nullopt;
            }
            [[fallthrough]];
        case Kind::map:
        case Kind::object:
        case Kind::variant:
            return when(Sort::json, Form::parsed_json);
        case Kind::file:
        case Kind::nullable:
            break;
    }
    return std::nullopt;
}

template <class Table>
Column make_column(const Table& rows, const Type& row, std::string_view name, int number,
                   const Type& member, std::size_t offset) {
    const Type& type = value_type(member);
    const Oid oid = rows.column_type(number);
    const auto form = form_of(type, oid);
    if (!form) {
        const ColumnType* const known = column_type(oid);
        throw ResultMismatch(fmt::format(
            "{}: the column \"{}\" is of PostgreSQL's type {}, which does not fit {}",
            reader_name(row), name,
            known != nullptr ? std::string(known->name) : fmt::format("with the OID {}", oid),
            words(type)));
    }
    Column column{.name = name,
                  .key = json_key(name),
                  .number = number,
                  .member = &member,
                  .type = &type,
                  .offset = offset,
                  .nullable = member.kind == Kind::nullable,
                  .form = *form};
    if (*form == Form::array) {
        const Type& item = *type.inner;
        const Type& item_type = value_type(item);
        column.item.push_back({.name = name,
                               .key = {},
                               .number = number,
                               .member = &item,
                               .type = &item_type,
                               .offset = 0,
                               .nullable = item.kind == Kind::nullable,
                               .form = *form_of(item_type, item_type_of(oid))});
    }
    return column;
}

template <class Table>
std::string names_of(const Table& rows) {
    std::string names;
    for (int number = 0; number < rows.columns(); ++number)
        names.append(names.empty() ? "" : ", ").append(rows.column_name(number));
    return names;
}

template <class Table>
int find_column(const Table& rows, const Type& row, std::string_view name) {
    const int count = rows.columns();
    int found = count;
    for (int number = 0; number < count; ++number) {
        if (name != rows.column_name(number)) continue;
        if (found != count) {
            throw ResultMismatch(
                fmt::format("{}: the statement has two columns \"{}\"", reader_name(row), name));
        }
        found = number;
    }
    if (found == count) {
        throw ResultMismatch(fmt::format("{}: the statement has no column \"{}\", but {}",
                                         reader_name(row), name, names_of(rows)));
    }
    return found;
}

/// In the order of the members.
template <class Table>
std::vector<Column> columns_for(const Type& row, const Table& rows) {
    std::vector<Column> columns;
    if (row.kind != Kind::object) {
        if (rows.columns() == 0) throw ResultMismatch("a value: the statement has no column");
        columns.push_back(make_column(rows, row, rows.column_name(0), 0, row, 0));
        return columns;
    }
    const auto& members = row.model().members;
    columns.reserve(members.size());
    for (const model::Member& member : members) {
        const int number = find_column(rows, row, member.name);
        columns.push_back(make_column(rows, row, member.name, number, *member.type, member.offset));
    }
    return columns;
}

[[noreturn]] void refuse(const Type& row, const Column& column, std::string_view why) {
    throw ResultMismatch(
        fmt::format("{}: the column \"{}\" {}", reader_name(row), column.name, why));
}
[[noreturn]] void refuse(const Type& row, const Column& column, std::string_view text,
                         std::string_view why) {
    constexpr std::size_t longest = 100;
    refuse(row, column, fmt::format("holds '{}', which {}", text.substr(0, longest), why));
}

bool in_range(const Type& type, std::string_view text) {
    std::int64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc{} || end != text.data() + text.size()) return false;
    const int bits = type.size * 8;
    if (type.is_signed)
        return bits == 64 || (number >= -(std::int64_t{1} << (bits - 1)) &&
                              number < (std::int64_t{1} << (bits - 1)));
    return number >= 0 && (bits == 64 || number < (std::int64_t{1} << bits));
}

/// A numeric or real is a number, or NaN, Infinity, -Infinity.
bool is_finite(std::string_view text) {
    return !text.empty() && is_digit(text.back());
}

bool is_date(std::string_view text) {
    constexpr std::string_view form = "0000-00-00";
    return text.size() == form.size() && text[4] == '-' && text[7] == '-';
}

/// Reads the items of a PostgreSQL array of one dimension, `{1,NULL,"a \"b\""}` (its manual,
/// 8.15.6), one by one.
class ArrayItems {
  public:
    explicit ArrayItems(std::string_view text) : text_(text) {
        // `[0:1]={…}`, where the first index is not 1.
        text_.remove_prefix(std::min(text_.find('{'), text_.size() - 1) + 1);
        if (text_.ends_with('}')) text_.remove_suffix(1);
    }

    /// Whether there is one more, which is then in `item` and `is_null`.
    bool next() {
        if (text_.empty()) return false;
        is_null = false;
        item.clear();
        if (text_.starts_with('"')) {
            std::size_t i = 1;
            for (; i < text_.size() && text_[i] != '"'; ++i) {
                if (text_[i] == '\\' && i + 1 < text_.size()) ++i;
                item += text_[i];
            }
            text_.remove_prefix(std::min(i + 1, text_.size()));
        } else {
            item = text_.substr(0, text_.find(','));
            text_.remove_prefix(item.size());
            is_null = item == "NULL";
        }
        if (text_.starts_with(',')) text_.remove_prefix(1);
        return true;
    }
    /// Whether the next item is an array.
    bool nested() const { return text_.starts_with('{'); }

    std::string item{};
    bool is_null = false;

  private:
    std::string_view text_;
};

constexpr std::string_view no_date_time = "no DateTime can be";
constexpr std::string_view no_bytes = "is no bytea";

/// How the values of one result's rows are written and read.
class ModelValues {
  protected:
    ModelValues(const RowForm& form, std::vector<Column> columns)
        : form_(form), row_(*form.type), columns_(std::move(columns)) {}

    void write(std::string& json, const Column& column, std::string_view text) const {
        switch (column.form) {
            case Form::boolean:
                json += text == "t" ? "true" : "false";
                return;
            case Form::checked_integer:
                check_range(column, text);
                [[fallthrough]];
            case Form::integer:
                json += text;
                return;
            case Form::whole_number:
                json.append(text).append(".0");
                return;
            case Form::real:
                if (!is_finite(text)) {
                    json += "null";
                } else {
                    json += text;
                    if (text.find_first_of(".e") == text.npos) json += ".0";
                }
                return;
            case Form::parsed_number:
                if (column.type->size == sizeof(float)) {
                    const auto number = parse_number<float>(column, text);
                    model::write_json(json, model::type_of<float>, &number);
                } else {
                    const auto number = parse_number<double>(column, text);
                    model::write_json(json, model::type_of<double>, &number);
                }
                return;
            case Form::decimal:
                if (!is_finite(text)) refuse(row_, column, text, "no Decimal can be");
                append_quoted(json, text);
                return;
            case Form::text:
                return append_json_string(json, text);
            case Form::name:
                if (column.type->numbers) {
                    json += column.type->choices[name_index(column, text)];
                } else {
                    append_json_string(json, column.type->choices[name_index(column, text)]);
                }
                return;
            case Form::bytes:
                json += '"';
                model::append_base64(json, parse_bytes(column, text));
                json += '"';
                return;
            case Form::uuid:
                return append_quoted(json, text);
            case Form::date_time:
                if (!append_date_time(json, text)) refuse(row_, column, text, no_date_time);
                return;
            case Form::date:
                check_date(column, text);
                return append_quoted(json, text);
            case Form::duration: {
                const auto duration = parse_duration(column, text);
                model::write_json(json, model::type_of<std::chrono::microseconds>, &duration);
                return;
            }
            case Form::json:
                return append_utf8(json, text);
            case Form::parsed_json: {
                // A place for one such value, which only a whole row is known to have.
                const std::shared_ptr<void> list = form_.make();
                void* const place =
                    place_of(column, static_cast<char*>(form_.add(list.get())), false);
                parse_json(column, place, text);
                model::write_json(json, plain(*column.type), place);
                return;
            }
            case Form::array: {
                json += '[';
                bool first = true;
                for_each_item(column, text, [&](const Column& item, const TableValue& value) {
                    if (!std::exchange(first, false)) json += ',';
                    if (value.is_null) {
                        json += "null";
                    } else {
                        write(json, item, value.text);
                    }
                });
                json += ']';
                return;
            }
        }
    }

    /// One that is not to be in the buffer's string as a whole, where that can be helped.
    void write_long(JsonBuffer& buffer, const Column& column, std::string_view text) const {
        if (column.form == Form::text) return buffer.append_long_string(text);
        if (column.form == Form::json) return buffer.append_long_json(text);
        if (column.form == Form::bytes && text.starts_with(bytea_hex))
            return write_long_hex(buffer, column, text.substr(bytea_hex.size()));
        write(buffer.text(), column, text);
    }

    void write_long_hex(JsonBuffer& buffer, const Column& column, std::string_view digits) const {
        constexpr std::size_t part = 3 * 16384;  // of base64 as well
        buffer.text() += '"';
        for (; !digits.empty(); digits.remove_prefix(std::min(part, digits.size()))) {
            const auto bytes = read_hex(digits.substr(0, part));
            if (!bytes) refuse(row_, column, digits, no_bytes);
            model::append_base64(buffer.text(), *bytes);
            buffer.keep();
        }
        buffer.text() += '"';
    }

    void read(const Type& type, const Column& column, void* place, std::string_view text) const {
        switch (column.form) {
            case Form::boolean:
                *static_cast<bool*>(place) = text == "t";
                return;
            case Form::name:
                column.type->choose(place, name_index(column, text));
                return;
            case Form::text:
                append_utf8(*static_cast<std::string*>(place), text);
                return;
            case Form::bytes:
                static_cast<model::Bytes*>(place)->data = parse_bytes(column, text);
                return;
            case Form::date_time: {
                std::string json;
                if (!append_date_time(json, text)) refuse(row_, column, text, no_date_time);
                return parse(type, column, place,
                             std::string_view(json).substr(1, json.size() - 2));
            }
            case Form::duration:
                *static_cast<std::chrono::microseconds*>(place) = parse_duration(column, text);
                return;
            case Form::json: {
                std::string json;
                append_utf8(json, text);
                *static_cast<JsonText*>(place) = JsonText(std::move(json));
                return;
            }
            case Form::parsed_json:
                return parse_json(column, place, text);
            case Form::array:
                column.type->clear(place);
                return for_each_item(
                    column, text, [&](const Column& item, const TableValue& value) {
                        void* const added = place_of(
                            item, static_cast<char*>(column.type->add(place)), value.is_null);
                        if (value.is_null) return;
                        Type item_type = plain(*item.type);
                        item_type.rules = {};
                        read(item_type, item, added, value.text);
                    });
            case Form::checked_integer:
                check_range(column, text);
                return parse(type, column, place, text);
            case Form::date:
                check_date(column, text);
                return parse(type, column, place, text);
            case Form::decimal:
                if (!is_finite(text)) refuse(row_, column, text, "no Decimal can be");
                return parse(type, column, place, text);
            case Form::whole_number:
            case Form::real:
            case Form::parsed_number:
                if (column.type->size == sizeof(float)) {
                    *static_cast<float*>(place) = parse_number<float>(column, text);
                } else {
                    *static_cast<double*>(place) = parse_number<double>(column, text);
                }
                return;
            case Form::integer:
            case Form::uuid:
                return parse(type, column, place, text);
        }
    }

    /// Of a value that is in no Field, or that place_of() has found in one.
    static Type plain(Type type) {
        type.set = nullptr;
        return type;
    }

    /// Of a column's value in an object; when it is null, the value is so from now on.
    static void* place_of(const Column& column, char* object, bool is_null) {
        const Type* type = column.member;
        void* place = object + column.offset;
        for (;;) {
            if (type->is_field()) place = type->set(place);
            if (type->kind != Kind::nullable) return place;
            if (is_null) {
                type->clear(place);
                return place;
            }
            place = type->add(place);
            type = type->inner;
        }
    }

    const RowForm& form_;
    const Type& row_;
    const std::vector<Column> columns_;

  private:
    template <class Use>
    void for_each_item(const Column& column, std::string_view text, Use use) const {
        const Column& item = column.item.front();
        if (!text.starts_with('{') && !text.starts_with('['))
            refuse(row_, column, text, "is no array");
        ArrayItems items(text);
        for (;;) {
            if (items.nested()) refuse(row_, column, text, "has more than one dimension");
            if (!items.next()) return;
            if (items.is_null && !item.nullable)
                refuse(row_, column, text, "has a NULL, and the items are no std::optional");
            use(item, TableValue{items.item, items.is_null});
        }
    }

    void parse(const Type& type, const Column& column, void* place, std::string_view text) const {
        model::ValidationErrors errors;
        model::read_text(text, type, place, {.name = column.name}, errors);
        if (!errors.empty()) refuse(row_, column, text, "is wrong: " + errors.list().front().msg);
    }
    void parse_json(const Column& column, void* place, std::string_view text) const {
        std::string json;
        append_utf8(json, text);
        try {
            model::detail::read_or_throw(json, plain(*column.type), place);
        } catch (const model::InvalidJson& error) {
            refuse(row_, column,
                   fmt::format("does not fit {}: {}", words(*column.type), error.what()));
        }
    }
    void check_range(const Column& column, std::string_view text) const {
        if (!in_range(*column.type, text))
            refuse(row_, column, text, "the member's type has no room for");
    }
    void check_date(const Column& column, std::string_view text) const {
        if (!is_date(text)) refuse(row_, column, text, "no date can be");
    }
    std::size_t name_index(const Column& column, std::string_view text) const {
        const auto& names = column.type->choices;
        const auto found = std::find(names.begin(), names.end(), text);
        if (found == names.end()) refuse(row_, column, text, "is no name of the member's type");
        return static_cast<std::size_t>(found - names.begin());
    }
    /// `NaN`, `Infinity` and `-Infinity`, too.
    template <class Number>
    Number parse_number(const Column& column, std::string_view text) const {
        Number number = 0;
        const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
        if (error != std::errc{} || end != text.data() + text.size())
            refuse(row_, column, text, "the member's type has no room for");
        return number;
    }
    std::string parse_bytes(const Column& column, std::string_view text) const {
        auto bytes = read_bytea(text);
        if (!bytes) refuse(row_, column, text, no_bytes);
        return *std::move(bytes);
    }
    std::chrono::microseconds parse_duration(const Column& column, std::string_view text) const {
        const auto duration = read_interval(text);
        if (!duration) refuse(row_, column, text, "is no number of microseconds");
        return *duration;
    }
    static void append_quoted(std::string& json, std::string_view text) {
        json.append("\"").append(text).append("\"");
    }
};

/// The rows of one result, which is a PqxxTable or a PqTable.
template <class Table>
class ModelRows : private ModelValues {
  public:
    ModelRows(const Table& rows, const RowForm& form)
        : ModelValues(form, columns_for(*form.type, rows)), rows_(rows) {}

    JsonText json() const {
        const bool list = form_.shape == RowForm::Shape::json_rows;
        if (!list && rows_.rows() == 0) return {};
        if (!list && rows_.rows() > 1) {
            throw ResultMismatch(
                fmt::format("{}: the statement has {} rows, where one was asked "
                            "for",
                            reader_name(row_), rows_.rows()));
        }
        JsonBuffer buffer;
        JsonWriter json(buffer.text());
        if (list) json.begin_array();
        bool first = true;
        rows_.for_each_row([&](auto& row) {
            json.begin_object();
            for_each_value(row, [&](const Column& column, const TableValue& value) {
                json.written_key(column.key);
                if (value.is_null) {
                    json.value(nullptr);
                } else if (value.text.size() > JsonBuffer::piece) {
                    json.place();
                    write_long(buffer, column, value.text);
                } else {
                    write(json.place(), column, value.text);
                }
            });
            json.end_object();
            buffer.keep();
            // One row tells what the others will take, roughly.
            if (std::exchange(first, false)) buffer.expect(rows_.rows() + 1);
        });
        if (list) json.end_array();
        return buffer.finish();
    }

    std::shared_ptr<void> values() const {
        std::vector<Type> types;
        types.reserve(columns_.size());
        for (const Column& column : columns_) {
            types.push_back(plain(*column.type));
            types.back().rules = {};  // which are for requests
        }
        std::shared_ptr<void> list = form_.make();
        rows_.for_each_row([&](auto& row) {
            char* const object = static_cast<char*>(form_.add(list.get()));
            for_each_value(row, [&](const Column& column, const TableValue& value) {
                void* const place = place_of(column, object, value.is_null);
                if (!value.is_null)
                    read(types[static_cast<std::size_t>(&column - columns_.data())], column, place,
                         value.text);
            });
        });
        return list;
    }

  private:
    /// Checks that none is NULL that must not be.
    template <class Row, class Use>
    void for_each_value(Row& row, Use use) const {
        for (const Column& column : columns_) {
            const TableValue value = row.value(column.number);
            if (value.is_null && !column.nullable)
                refuse(row_, column, "is NULL, and the member is no std::optional");
            use(column, value);
        }
    }

    const Table& rows_;
};

}  // namespace

JsonText model_rows_json(const pqxx::result& rows, const RowForm& form) {
    const PqxxTable table(rows);
    return ModelRows(table, form).json();
}

JsonText model_rows_json(const PGresult* rows, const RowForm& form) {
    const PqTable table(rows);
    return ModelRows(table, form).json();
}

std::shared_ptr<void> model_rows(const pqxx::result& rows, const RowForm& form) {
    const PqxxTable table(rows);
    return ModelRows(table, form).values();
}

std::shared_ptr<void> model_rows(const PGresult* rows, const RowForm& form) {
    const PqTable table(rows);
    return ModelRows(table, form).values();
}

}  // namespace signalbox::db
