#include "signalbox/model/schema.hpp"

#include <algorithm>
#include <limits>

#include "signalbox/ascii.hpp"
#include "signalbox/fast/json_writer.hpp"

namespace signalbox::model {

namespace {

using Kind = Type::Kind;

bool is_letter_of_any_script(char c) {
    return is_letter(c) || static_cast<unsigned char>(c) >= 0x80;
}

/// What is written once and referred to.
bool is_defined(const Type& type) {
    return type.kind == Kind::object || type.kind == Kind::choice;
}

/// A type and a Field of it are the same here.
const void* identity(const Type& type) {
    if (type.kind == Kind::object) return &type.model();
    return type.choices.data();
}

/// `use(type)` for each type that is a part of it.
template <class Use>
void for_each_part(const Type& type, Use use) {
    if (type.inner != nullptr) use(*type.inner);
    for (const Type* alternative : type.alternatives)
        use(*alternative);
    if (type.kind == Kind::object) {
        for (const Member& member : type.model().members)
            use(*member.type);
    }
}

bool has_decimal(const Type& type, std::set<const void*>& seen) {
    if (type.kind == Kind::decimal) return true;
    if (is_defined(type) && !seen.insert(identity(type)).second) return false;
    bool found = false;
    for_each_part(type, [&](const Type& part) { found = found || has_decimal(part, seen); });
    return found;
}

/// `shop::Page<shop::Order>` to `Page[Order]`, as pydantic names what is generic. Of a Field only
/// its value's type is told.
class ShortName {
  public:
    explicit ShortName(std::string_view rest) : rest_(rest) {}

    std::string read() {
        const std::size_t end = std::min(rest_.find_first_of("<,>"), rest_.size());
        std::string_view word = rest_.substr(0, end);
        if (const auto colon = word.rfind("::"); colon != word.npos) word.remove_prefix(colon + 2);
        while (word.starts_with(' '))
            word.remove_prefix(1);
        while (word.ends_with(' '))
            word.remove_suffix(1);
        std::string name(word);
        rest_.remove_prefix(end);
        if (!rest_.starts_with('<')) return name;
        rest_.remove_prefix(1);
        if (word == "Field" || word == "basic_string") {
            std::string value = read();
            skip_arguments();
            return word == "Field" ? value : "string";
        }
        name += '[';
        while (true) {
            name += read();
            if (!rest_.starts_with(',')) break;
            rest_.remove_prefix(1);
            name += ", ";
        }
        skip_arguments();
        return name + ']';
    }

  private:
    /// To behind the bracket that closes this list, and the space there; or to the end, as texts in
    /// it can be anything.
    void skip_arguments() {
        int depth = 1;
        while (depth > 0 && !rest_.empty()) {
            const char c = rest_.front();
            if (c == '<' || c == '(' || c == '{') ++depth;
            if (c == '>' || c == ')' || c == '}') --depth;
            rest_.remove_prefix(1);
        }
        while (rest_.starts_with(' '))
            rest_.remove_prefix(1);
    }

    std::string_view rest_;
};

/// `shop::Page[Order]`, without what the compilers call namespaces that have no name.
std::string long_name(std::string_view full_name, std::string_view title) {
    const std::string_view name = full_name.substr(0, full_name.find('<'));
    const auto colon = name.rfind("::");
    std::string result(colon == name.npos ? "" : name.substr(0, colon + 2));
    for (const std::string_view none : {"{anonymous}::", "(anonymous namespace)::"}) {
        for (auto at = result.find(none); at != result.npos; at = result.find(none))
            result.erase(at, none.size());
    }
    return result.append(title);
}

/// What the keys of components can be (OpenAPI 3.1, section 4.8.7).
std::string as_key(std::string_view name) {
    std::string key;
    for (std::size_t i = 0; i < name.size(); ++i) {
        const char c = name[i];
        if (name.substr(i).starts_with("::")) {
            key += "__";
            ++i;
        } else {
            const bool plain = is_alphanumeric(c) || c == '.' || c == '-' || c == '_';
            key += plain ? c : '_';
        }
    }
    return key;
}

}  // namespace

std::string title_of(std::string_view name) {
    std::string title;
    bool in_word = false;
    for (const char c : name) {
        title += c == '_' ? ' ' : in_word ? to_lower(c) : to_upper(c);
        in_word = is_letter_of_any_script(c);
    }
    return std::string(trim(title, " "));
}

/// Writes one schema, and what is in it.
class Schemas::Writer {
  public:
    Writer(const Schemas& schemas, Mode mode, std::string& output)
        : schemas_(schemas), mode_(mode), json_(output) {}

    void write(const Type& type, std::string_view title, std::string_view default_json) {
        json_.begin_object();
        write_kind(type);
        if (is_defined(type)) title = {};
        annotate(type.rules, title);
        // FastAPI leaves null out, whatever it stands for.
        if (!default_json.empty() && default_json != "null")
            json_.key<"default">().verbatim(default_json);
        json_.end_object();
    }

    void define(const Definition& definition) {
        json_.begin_object();
        if (definition.type->kind == Kind::object) {
            define(definition.type->model());
        } else {
            json_.key<"type">().value(definition.type->numbers ? "integer" : "string");
            choices(*definition.type);
        }
        json_.key<"title">().value(definition.title);
        json_.end_object();
    }

  private:
    void define(const Model& model) {
        json_.key<"properties">().begin_object();
        for (const Member& member : model.members) {
            // As pydantic does: what is a reference, or null, has its title there.
            const Type* inner = member.type;
            while (inner->kind == Kind::nullable)
                inner = inner->inner;
            json_.key(member.name);
            write(*member.type, is_defined(*inner) ? "" : title_of(member.name),
                  member.default_json);
        }
        json_.end_object();
        if (model.extra == Extra::forbid) json_.key<"additionalProperties">().value(false);
        json_.key<"type">().value("object");
        const auto required = [](const Member& member) { return member.required; };
        if (std::any_of(model.members.begin(), model.members.end(), required)) {
            json_.key<"required">().begin_array();
            for (const Member& member : model.members) {
                if (member.required) json_.value(member.name);
            }
            json_.end_array();
        }
        if (!model.description.empty()) json_.key<"description">().value(model.description);
    }

    void annotate(const Rules& rules, std::string_view title) {
        if (!rules.title.empty()) title = rules.title;
        if (!title.empty()) json_.key<"title">().value(title);
        if (!rules.description.empty()) json_.key<"description">().value(rules.description);
        if (!rules.example_json.empty()) {
            json_.key<"examples">().begin_array().verbatim(rules.example_json).end_array();
        }
        if (rules.deprecated) json_.key<"deprecated">().value(true);
    }

    /// A part, which has no annotations that the whole has: those of a `Field<std::optional<T>, …>`
    /// are known to its T as well.
    void part(const Type& type, const Rules& whole = {}) {
        Rules own = type.rules;
        if (own.title == whole.title) own.title = {};
        if (own.description == whole.description) own.description = {};
        if (own.example_json == whole.example_json) own.example_json = {};
        if (whole.deprecated) own.deprecated = false;
        json_.begin_object();
        write_kind(type);
        annotate(own, {});
        json_.end_object();
    }

    void write_kind(const Type& type) {
        const Rules& rules = type.rules;
        switch (type.kind) {
            case Kind::boolean:
                json_.key<"type">().value("boolean");
                return;
            case Kind::integer:
                json_.key<"type">().value("integer");
                bounds(rules);
                if (!type.is_signed && !rules.ge && !rules.gt) json_.key<"minimum">().value(0);
                return;
            case Kind::number:
                json_.key<"type">().value("number");
                bounds(rules);
                return;
            case Kind::string:
                return text(rules);
            case Kind::decimal:
                return decimal(rules);
            case Kind::uuid:
                return formatted("uuid");
            case Kind::bytes:
                return formatted("base64");
            case Kind::date_time:
                return formatted("date-time");
            case Kind::date:
                return formatted("date");
            case Kind::duration:
                return formatted("duration");
            case Kind::literal:
                json_.key<"type">().value("string");
                if (type.choices.size() == 1) {
                    json_.key<"const">().value(type.choices.front());
                } else {
                    choices(type);
                }
                return;
            case Kind::choice:
            case Kind::object:
                json_.key<"$ref">().value(schemas_.reference_to(type, mode_));
                return;
            case Kind::json:
                return;
            case Kind::file:
                return formatted("binary");
            case Kind::list:
                json_.key<"type">().value("array");
                json_.key<"items">();
                part(*type.inner);
                length<"minItems", "maxItems">(rules);
                return;
            case Kind::map:
                json_.key<"type">().value("object");
                if (type.inner->kind != Kind::json) {
                    json_.key<"additionalProperties">();
                    part(*type.inner);
                }
                length<"minProperties", "maxProperties">(rules);
                return;
            case Kind::nullable:
                json_.key<"anyOf">().begin_array();
                part(*type.inner, rules);
                json_.begin_object().key<"type">().value("null").end_object();
                json_.end_array();
                return;
            case Kind::variant:
                return variant(type);
        }
    }

    void formatted(std::string_view format) {
        json_.key<"type">().value("string");
        json_.key<"format">().value(format);
    }
    void choices(const Type& type) {
        json_.key<"enum">().begin_array();
        for (const std::string_view choice : type.choices) {
            if (type.numbers) {
                json_.verbatim(choice);
            } else {
                json_.value(choice);
            }
        }
        json_.end_array();
    }
    void text(const Rules& rules) {
        json_.key<"type">().value("string");
        Rules all = rules;
        if (rules.format == Format::email) json_.key<"format">().value("email");
        if (rules.format == Format::url) {
            json_.key<"format">().value("uri");
            all.min_length = std::max<std::size_t>(all.min_length, 1);
            all.max_length = std::min<std::size_t>(all.max_length, longest_url);
        }
        length<"minLength", "maxLength">(all);
        if (rules.pattern != nullptr) json_.key<"pattern">().value(rules.pattern->pattern());
    }
    void decimal(const Rules& rules) {
        if (mode_ == Mode::output) {
            json_.key<"type">().value("string");
            return;
        }
        json_.key<"anyOf">().begin_array();
        json_.begin_object().key<"type">().value("number");
        bounds(rules);
        json_.end_object();
        json_.begin_object().key<"type">().value("string").end_object();
        json_.end_array();
    }

    template <JsonKey least, JsonKey most>
    void length(const Rules& rules) {
        if (rules.min_length != 0) json_.key<least>().value(rules.min_length);
        if (rules.max_length != std::numeric_limits<std::size_t>::max())
            json_.key<most>().value(rules.max_length);
    }
    void bounds(const Rules& rules) {
        bound<"multipleOf">(rules.multiple_of);
        bound<"maximum">(rules.le);
        bound<"exclusiveMaximum">(rules.lt);
        bound<"minimum">(rules.ge);
        bound<"exclusiveMinimum">(rules.gt);
    }
    template <JsonKey name>
    void bound(const Number& number) {
        if (number.kind == Number::Kind::integer) json_.key<name>().value(number.integer);
        if (number.kind == Number::Kind::floating) json_.key<name>().value(number.floating);
    }

    void variant(const Type& type) {
        json_.key<"oneOf">().begin_array();
        for (const Type* alternative : type.alternatives)
            part(*alternative);
        json_.end_array();
        json_.key<"discriminator">().begin_object();
        json_.key<"propertyName">().value(type.rules.discriminator);
        json_.key<"mapping">().begin_object();
        for (const Type* alternative : type.alternatives) {
            for (const Member& member : alternative->model().members) {
                if (member.name != type.rules.discriminator) continue;
                for (const std::string_view choice : member.type->choices)
                    json_.key(choice).value(schemas_.reference_to(*alternative, mode_));
            }
        }
        json_.end_object().end_object();
    }

    /// As pydantic's HttpUrl.
    static constexpr std::size_t longest_url = 2083;

    const Schemas& schemas_;
    const Mode mode_;
    JsonWriter json_;
};

Schemas::Schemas(const std::vector<Use>& uses, std::string_view prefix,
                 const std::set<std::string>& reserved)
    : prefix_(prefix) {
    for (const auto& [type, mode] : uses)
        collect(*type, mode);
    give_names(reserved);
}

void Schemas::collect(const Type& type, Mode mode) {
    if (is_defined(type)) {
        const auto [found, added] = index_.emplace(identity(type), definitions_.size());
        if (added) definitions_.push_back({.type = &type});
        Definition& definition = definitions_[found->second];
        bool& known = mode == Mode::input ? definition.input : definition.output;
        if (known) return;
        known = true;
    }
    for_each_part(type, [&](const Type& part) { collect(part, mode); });
}

void Schemas::give_names(const std::set<std::string>& reserved) {
    std::map<std::string, int> uses;
    for (const std::string& name : reserved)
        ++uses[name];
    for (Definition& definition : definitions_) {
        const Type& type = *definition.type;
        std::set<const void*> seen;
        definition.differs = definition.input && definition.output && has_decimal(type, seen);
        definition.title = type.full_name.find('<') == std::string_view::npos
                               ? std::string(type.name)
                               : ShortName(type.full_name).read();
        definition.name = as_key(definition.title);
        ++uses[definition.name];
    }
    std::set<std::string> taken = reserved;
    for (Definition& definition : definitions_) {
        if (uses[definition.name] > 1)
            definition.name = as_key(long_name(definition.type->full_name, definition.title));
        const std::string name = definition.name;
        for (int i = 2; !taken.insert(definition.name).second; ++i)
            definition.name = name + "_" + std::to_string(i);
    }
}

const Schemas::Definition& Schemas::definition_of(const Type& type) const {
    return definitions_[index_.at(identity(type))];
}

std::string Schemas::reference_to(const Type& type, Mode mode) const {
    const Definition& definition = definition_of(type);
    std::string reference = prefix_ + definition.name;
    if (definition.differs) reference += mode == Mode::input ? "-Input" : "-Output";
    return reference;
}

std::string Schemas::schema(const Type& type, Mode mode, std::string_view title,
                            std::string_view default_json) const {
    std::string json;
    Writer(*this, mode, json).write(type, title, default_json);
    return json;
}

std::map<std::string, std::string> Schemas::definitions() const {
    std::map<std::string, std::string> all;
    const auto define = [&](const Definition& definition, Mode mode) {
        const auto name = reference_to(*definition.type, mode).substr(prefix_.size());
        Writer(*this, mode, all[name]).define(definition);
    };
    for (const Definition& definition : definitions_) {
        if (definition.input) define(definition, Mode::input);
        if (definition.output && (definition.differs || !definition.input))
            define(definition, Mode::output);
    }
    return all;
}

}  // namespace signalbox::model
