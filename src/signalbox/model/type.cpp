#include "signalbox/model/type.hpp"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <stdexcept>

#include "signalbox/fast/json_writer.hpp"
#include "signalbox/model/base64.hpp"

namespace signalbox::model {

namespace {

using Kind = Type::Kind;

class Writer {
  public:
    /// What to do with an enum's value that has no name.
    enum class Unnamed { fail, null };

    explicit Writer(std::string& output, Unnamed unnamed = Unnamed::fail)
        : output_(output), json_(output), unnamed_(unnamed) {}

    void write(const Type& type, const void* value) {
        if (type.is_field()) value = type.look(value);
        switch (type.kind) {
            case Kind::boolean:
                json_.value(detail::as<bool>(value));
                return;
            case Kind::integer:
                return integer(type, value);
            case Kind::number:
                if (type.size == sizeof(float)) {
                    return floating(detail::as<float>(value));
                } else {
                    return floating(detail::as<double>(value));
                }
            case Kind::string:
                json_.value(detail::as<std::string>(value));
                return;
            case Kind::decimal:
                json_.value(detail::as<Decimal>(value).text());
                return;
            case Kind::uuid:
                json_.value(detail::as<Uuid>(value).text());
                return;
            case Kind::bytes: {
                std::string& text = json_.place();
                text += '"';
                append_base64(text, detail::as<Bytes>(value).data);
                text += '"';
                return;
            }
            case Kind::date_time:
                json_.value(detail::as<DateTime>(value).text());
                return;
            case Kind::date:
                json_.value(date_text(detail::as<std::chrono::year_month_day>(value)));
                return;
            case Kind::duration:
                json_.value(duration_text(detail::as<std::chrono::microseconds>(value)));
                return;
            case Kind::choice:
            case Kind::literal:
                return choice(type, value);
            case Kind::json: {
                const auto text = detail::as<JsonText>(value).text();
                json_.verbatim(text.empty() ? "null" : text);
                return;
            }
            case Kind::file:
                json_.value(nullptr);
                return;
            case Kind::list:
                json_.begin_array();
                for (std::size_t i = 0; const void* item = type.item(value, i); ++i)
                    write(*type.inner, item);
                json_.end_array();
                return;
            case Kind::map:
                return map(type, value);
            case Kind::object:
                json_.begin_object();
                for (const Member& member : type.model().members) {
                    json_.written_key(member.key);
                    write(*member.type, static_cast<const char*>(value) + member.offset);
                }
                json_.end_object();
                return;
            case Kind::nullable:
                if (const void* inner = type.item(value, 0)) {
                    write(*type.inner, inner);
                } else {
                    json_.value(nullptr);
                }
                return;
            case Kind::variant: {
                const auto [index, held] = type.held(value);
                write(*type.alternatives[index], held);
                return;
            }
        }
    }

  private:
    void integer(const Type& type, const void* value) {
        std::uint64_t bits = 0;
        std::memcpy(&bits, value, type.size);
        if (type.is_signed) {
            const int unused = 64 - type.size * 8;
            json_.value(static_cast<std::int64_t>(bits << unused) >> unused);
        } else {
            json_.value(bits);
        }
    }
    /// The shortest text that is read back as the same number, of a float not as that of a double.
    /// A whole number keeps its point, as in Python: it says what it is.
    void floating(auto number) {
        const std::size_t before = output_.size();
        if constexpr (sizeof(number) == sizeof(float)) {
            json_.verbatim(shortest(number));
        } else {
            json_.value(number);
        }
        const std::string_view text = std::string_view(output_).substr(before);
        if (text.find_first_of(".enu") == text.npos) output_ += ".0";
    }
    static std::string shortest(float number);

    void choice(const Type& type, const void* value) {
        const std::size_t chosen = type.chosen(value);
        if (chosen < type.choices.size() && type.numbers) {
            json_.verbatim(type.choices[chosen]);
        } else if (chosen < type.choices.size()) {
            json_.value(type.choices[chosen]);
        } else if (unnamed_ == Unnamed::null) {
            json_.value(nullptr);
        } else {
            throw std::logic_error("a value without a name of " + std::string(type.full_name));
        }
    }
    void map(const Type& type, const void* value) {
        struct Context {
            Writer& writer;
            const Type& inner;
        } context{*this, *type.inner};
        json_.begin_object();
        type.for_each(value, &context, [](void* to, std::string_view key, const void* each) {
            auto& [writer, inner] = *static_cast<Context*>(to);
            writer.json_.key(key);
            writer.write(inner, each);
        });
        json_.end_object();
    }

    std::string& output_;
    JsonWriter json_;
    const Unnamed unnamed_;
};

std::string Writer::shortest(float number) {
    if (!(number - number == 0)) return "null";
    char text[32];
    const auto [end, error] = std::to_chars(text, text + sizeof(text), number);
    return error == std::errc{} ? std::string(text, end) : "null";
}

}  // namespace

void write_json(std::string& json, const Type& type, const void* value) {
    Writer(json).write(type, value);
}

namespace detail {

namespace {

void add_member(Model& model, const MemberSource& source, std::size_t offset, const void* value) {
    const Type& type = *source.type;
    const std::string_view wire_name = type.rules.alias.empty() ? source.name : type.rules.alias;
    Member member{.name = wire_name,
                  .key = json_key(wire_name),
                  .header_name = std::string(wire_name),
                  .type = &type,
                  .offset = offset};
    if (type.rules.alias.empty())
        std::replace(member.header_name.begin(), member.header_name.end(), '_', '-');
    if (type.is_field()) {
        if (type.has_default(value)) {
            member.required = false;
            write_json(member.default_json, type, value);
        }
    } else {
        // The compiler does not tell whether there is a default, but for its value. No enum needs
        // a name for 0, which its member has without one.
        std::string json, zero_json;
        Writer(json, Writer::Unnamed::null).write(type, value);
        Writer(zero_json, Writer::Unnamed::null).write(type, source.zero());
        if (json != zero_json && model.fault.empty()) {
            const std::string name(source.name);
            model.fault = name + ": a default is written Field<…> " + name +
                          " = …, or requests that lack it are refused";
        }
    }
    if (type.kind == Kind::nullable && member.required && !type.rules.required) {
        member.required = false;
        member.default_json = "null";
    }
    if (type.rules.required) member.required = true;
    model.members.push_back(std::move(member));
}

void add_flattened(Model& model, const Model& base, std::size_t offset) {
    for (Member member : base.members) {
        member.offset += offset;
        model.members.push_back(std::move(member));
    }
    if (!base.fault.empty() && model.fault.empty()) model.fault = base.fault;
    if (base.extra == Extra::forbid) model.extra = Extra::forbid;
}

}  // namespace

Model add_members(Model model, std::span<const MemberSource> sources, const void* unmade,
                  const void* object) {
    for (const MemberSource& source : sources) {
        const auto offset = static_cast<std::size_t>(static_cast<const char*>(source.place) -
                                                     static_cast<const char*>(unmade));
        if (source.base != nullptr) {
            add_flattened(model, source.base(), offset);
        } else {
            add_member(model, source, offset, static_cast<const char*>(object) + offset);
        }
    }
    return model;
}

}  // namespace detail
}  // namespace signalbox::model
