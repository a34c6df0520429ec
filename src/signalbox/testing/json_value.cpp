#include "signalbox/testing/json_value.hpp"

#include <rapidjson/document.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <ostream>
#include <stdexcept>

#include "signalbox/json_reader.hpp"

namespace signalbox::test {

namespace {

const rapidjson::Value& of(const void* value) {
    return *static_cast<const rapidjson::Value*>(value);
}

rapidjson::Value name_of(std::string_view member) {
    return rapidjson::Value(
        rapidjson::StringRef(member.data(), static_cast<rapidjson::SizeType>(member.size())));
}

[[noreturn]] void throw_instead_of(std::string_view expected, const JsonValue& value) {
    throw std::invalid_argument("expected " + std::string(expected) + ", found " + value.text());
}

}  // namespace

struct JsonValue::Document {
    Parsed<rapidjson::Document> root;
};

JsonValue JsonValue::parse(std::string_view text) {
    auto document = std::make_shared<const Document>(Document{parse_json(text)});
    if (!document->root) {
        throw std::invalid_argument(document->root.reason() + ": \"" + std::string(text) + '"');
    }
    const void* const value = static_cast<const rapidjson::Value*>(&*document->root);
    return {std::move(document), value};
}

JsonValue JsonValue::operator[](std::string_view member) const {
    if (!has(member)) {
        throw std::out_of_range("no member \"" + std::string(member) + "\" in " + text());
    }
    return {document_, &of(value_).FindMember(name_of(member))->value};
}

JsonValue JsonValue::operator[](std::size_t element) const {
    if (!of(value_).IsArray() || element >= size()) {
        throw std::out_of_range("no element " + std::to_string(element) + " in " + text());
    }
    return {document_, &of(value_)[static_cast<rapidjson::SizeType>(element)]};
}

bool JsonValue::has(std::string_view member) const {
    return of(value_).IsObject() && of(value_).HasMember(name_of(member));
}

std::size_t JsonValue::size() const {
    if (of(value_).IsArray()) return of(value_).Size();
    return of(value_).IsObject() ? of(value_).MemberCount() : 0;
}

bool JsonValue::is_null() const {
    return of(value_).IsNull();
}

std::string JsonValue::string() const {
    if (!of(value_).IsString()) throw_instead_of("a string", *this);
    return {of(value_).GetString(), of(value_).GetStringLength()};
}

std::int64_t JsonValue::integer() const {
    if (!of(value_).IsInt64()) throw_instead_of("an integer of 64 bits", *this);
    return of(value_).GetInt64();
}

double JsonValue::number() const {
    if (!of(value_).IsNumber()) throw_instead_of("a number", *this);
    return of(value_).GetDouble();
}

bool JsonValue::boolean() const {
    if (!of(value_).IsBool()) throw_instead_of("true or false", *this);
    return of(value_).GetBool();
}

std::string JsonValue::text() const {
    rapidjson::StringBuffer buffer;
    rapidjson::Writer writer(buffer);
    of(value_).Accept(writer);
    return {buffer.GetString(), buffer.GetSize()};
}

bool JsonValue::equals(const JsonValue& other) const {
    return of(value_) == of(other.value_);
}

bool JsonValue::is(std::string_view text) const {
    return of(value_).IsString() && string() == text;
}

bool JsonValue::is(std::int64_t number) const {
    return of(value_).IsInt64() && integer() == number;
}

bool JsonValue::is(double number) const {
    return of(value_).IsNumber() && of(value_).GetDouble() == number;
}

bool JsonValue::is(bool truth) const {
    return of(value_).IsBool() && of(value_).GetBool() == truth;
}

std::ostream& operator<<(std::ostream& out, const JsonValue& value) {
    return out << value.text();
}

}  // namespace signalbox::test
