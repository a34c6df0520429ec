#include "signalbox/api/openapi.hpp"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string_view>
#include <utility>

#include "signalbox/api/path_names.hpp"
#include "signalbox/ascii.hpp"
#include "signalbox/fast/json_writer.hpp"
#include "signalbox/model/reader.hpp"
#include "signalbox/model/schema.hpp"

namespace signalbox::api {

namespace {

using model::Schemas;
using Mode = Schemas::Mode;

constexpr std::string_view references = "#/components/schemas/";

// What FastAPI has for its own errors, word for word.
constexpr std::string_view http_validation_error =
    R"({"properties":{"detail":{"items":{"$ref":"#/components/schemas/ValidationError"},"type":"array","title":"Detail"}},"type":"object","title":"HTTPValidationError"})";
constexpr std::string_view validation_error =
    R"({"properties":{"loc":{"items":{"anyOf":[{"type":"string"},{"type":"integer"}]},"type":"array","title":"Location"},"msg":{"type":"string","title":"Message"},"type":{"type":"string","title":"Error Type"}},"type":"object","required":["loc","msg","type"],"title":"ValidationError"})";
/// Of http::HttpError, whose detail can be any JSON.
constexpr std::string_view http_error =
    R"({"properties":{"detail":{"title":"Detail"}},"type":"object","required":["detail"],"title":"HTTPError"})";

/// A parameter of one endpoint.
struct Parameter {
    Place place;
    std::string name;
    const model::Type* type;  ///< null: the function does not say it
    bool required = true;
    std::string_view default_json{};
};

std::string_view text_of(Place place) {
    switch (place) {
        case Place::path:
            return "path";
        case Place::query:
            return "query";
        case Place::header:
            return "header";
        case Place::cookie:
            return "cookie";
    }
    return {};
}

std::string name_of(const model::Member& member, Place place) {
    return place == Place::header ? member.header_name : std::string(member.name);
}

/// One for each name, place by place.
std::vector<Parameter> parameters_of(const Endpoint& endpoint) {
    const Operation& operation = endpoint.operation;
    std::vector<Parameter> all;
    const auto add = [&all](Parameter parameter) {
        for (Parameter& known : all) {
            if (known.place != parameter.place || known.name != parameter.name) continue;
            // Dependencies may ask for the same, and then it takes one that requires it.
            if (parameter.required || !known.required) known = std::move(parameter);
            return;
        }
        all.push_back(std::move(parameter));
    };
    if (operation.path_parameter != nullptr) {
        for (const std::string_view name : names_in(endpoint.path))
            add({.place = Place::path,
                 .name = std::string(name),
                 .type = operation.path_parameter});
    }
    for (const auto& [place, type] : operation.parameters) {
        for (const model::Member& member : type->model().members) {
            add({.place = place,
                 .name = name_of(member, place),
                 .type = member.type,
                 .required = member.required || place == Place::path,
                 .default_json = member.default_json});
        }
    }
    for (const std::string_view name : names_in(endpoint.path)) {
        const bool known = std::any_of(all.begin(), all.end(), [&](const Parameter& parameter) {
            return parameter.place == Place::path && parameter.name == name;
        });
        if (!known)
            all.push_back({.place = Place::path, .name = std::string(name), .type = nullptr});
    }
    std::stable_sort(all.begin(), all.end(),
                     [](const auto& one, const auto& other) { return one.place < other.place; });
    return all;
}

/// FastAPI's ids: name, path and method, and whatever is no letter or digit of ASCII is `_`.
std::string operation_id(const Endpoint& endpoint) {
    std::string id = std::string(endpoint.name) + endpoint.path;
    for (char& c : id) {
        if (!is_alphanumeric(c) && c != '_') c = '_';
    }
    return id + "_";
}

class Document {
  public:
    Document(const std::vector<Endpoint>& endpoints, const OpenApiInfo& info)
        : info_(info),
          endpoints_(in_documents(endpoints)),
          schemas_(uses(endpoints_), references,
                   {"HTTPError", "HTTPValidationError", "ValidationError"}) {}

    std::string write() {
        std::string text;
        JsonWriter json(text);
        json.begin_object().key<"openapi">().value("3.1.0");
        json.key<"info">().begin_object().key<"title">().value(info_.title);
        if (!info_.description.empty()) json.key<"description">().value(info_.description);
        json.key<"version">().value(info_.version).end_object();
        servers_at_ = text.size();
        write_paths(json.key<"paths">());
        write_components(json);
        json.end_object();
        return text;
    }

    /// Where in the text that was written `servers` may stand.
    std::size_t servers_at() const noexcept { return servers_at_; }

  private:
    static std::vector<const Endpoint*> in_documents(const std::vector<Endpoint>& endpoints) {
        std::vector<const Endpoint*> those;
        for (const Endpoint& endpoint : endpoints)
            if (endpoint.options.in_documents) those.push_back(&endpoint);
        return those;
    }

    static std::vector<Schemas::Use> uses(const std::vector<const Endpoint*>& endpoints) {
        std::vector<Schemas::Use> all;
        for (const Endpoint* endpoint : endpoints) {
            const Operation& operation = endpoint->operation;
            // Of the models of parameters their members only, as those are no objects there.
            for (const Parameter& parameter : parameters_of(*endpoint))
                if (parameter.type != nullptr) all.push_back({parameter.type, Mode::input});
            if (operation.body != nullptr) all.push_back({operation.body, Mode::input});
            if (operation.result != nullptr) all.push_back({operation.result, Mode::output});
        }
        return all;
    }

    void write_paths(JsonWriter& json) {
        std::vector<std::pair<std::string_view, std::vector<const Endpoint*>>> paths;
        for (const Endpoint* endpoint : endpoints_) {
            auto path = std::find_if(paths.begin(), paths.end(), [&](const auto& known) {
                return known.first == endpoint->path;
            });
            if (path == paths.end()) path = paths.insert(path, {endpoint->path, {}});
            path->second.push_back(endpoint);
        }
        json.begin_object();
        for (const auto& [path, its] : paths) {
            json.key(path).begin_object();
            for (const Endpoint* endpoint : its)
                write_operation(json, *endpoint);
            json.end_object();
        }
        json.end_object();
    }

    void write_operation(JsonWriter& json, const Endpoint& endpoint) {
        const EndpointOptions& options = endpoint.options;
        const std::string method = to_lower(endpoint.method);
        std::string id = operation_id(endpoint) + method;
        for (int i = 2; !ids_.insert(id).second; ++i)
            id = operation_id(endpoint) + method + "_" + std::to_string(i);
        json.key(method).begin_object();
        if (!options.tags.empty()) {
            json.key<"tags">().begin_array();
            for (const std::string& tag : options.tags)
                json.value(tag);
            json.end_array();
        }
        json.key<"summary">().value(options.summary.empty() ? model::title_of(endpoint.name)
                                                            : options.summary);
        if (!options.description.empty()) json.key<"description">().value(options.description);
        json.key<"operationId">().value(id);
        if (options.deprecated) json.key<"deprecated">().value(true);
        write_security(json, endpoint.operation);
        const auto parameters = parameters_of(endpoint);
        if (!parameters.empty()) {
            json.key<"parameters">().begin_array();
            for (const Parameter& parameter : parameters)
                write_parameter(json, parameter);
            json.end_array();
        }
        if (endpoint.operation.body != nullptr) write_body(json, endpoint.operation);
        const bool validated =
            endpoint.operation.body != nullptr ||
            std::any_of(parameters.begin(), parameters.end(),
                        [](const Parameter& parameter) { return parameter.type != nullptr; });
        write_responses(json, endpoint, id, validated);
        json.end_object();
    }

    void write_security(JsonWriter& json, const Operation& operation) {
        std::vector<std::string> names;
        for (const SecurityScheme* scheme : operation.security) {
            const std::string& name = name_of_scheme(*scheme);
            if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
        }
        if (names.empty()) return;
        json.key<"security">().begin_array();
        for (const std::string& name : names)
            json.begin_object().key(name).begin_array().end_array().end_object();
        json.end_array();
    }

    /// Two keys in two headers have one name for FastAPI, which forgets the first.
    const std::string& name_of_scheme(const SecurityScheme& scheme) {
        std::string name(scheme.name);
        for (int i = 2;; ++i) {
            const auto [known, added] = schemes_.emplace(name, scheme.json);
            if (added || known->second == scheme.json) return known->first;
            name = std::string(scheme.name) + "_" + std::to_string(i);
        }
    }

    void write_parameter(JsonWriter& json, const Parameter& parameter) const {
        const auto& [place, name, type, required, default_json] = parameter;
        json.begin_object();
        json.key<"name">().value(name);
        json.key<"in">().value(text_of(place));
        json.key<"required">().value(required);
        json.key<"schema">();
        if (type == nullptr) {
            json.begin_object().key<"type">().value("string");
            json.key<"title">().value(model::title_of(name)).end_object();
        } else {
            json.verbatim(schemas_.schema(*type, Mode::input, model::title_of(name), default_json));
            const auto& rules = type->rules;
            if (!rules.description.empty()) json.key<"description">().value(rules.description);
            if (rules.deprecated) json.key<"deprecated">().value(true);
        }
        json.end_object();
    }

    void write_body(JsonWriter& json, const Operation& operation) const {
        json.key<"requestBody">().begin_object();
        // With files it is multipart, but what is sent as the other is read as well.
        const std::string_view content_type = !operation.body_is_form ? "application/json"
                                              : model::has_file(*operation.body)
                                                  ? "multipart/form-data"
                                                  : "application/x-www-form-urlencoded";
        write_content(json, schemas_.schema(*operation.body, Mode::input), content_type);
        if (operation.body_required) json.key<"required">().value(true);
        json.end_object();
    }

    void write_responses(JsonWriter& json, const Endpoint& endpoint, const std::string& id,
                         bool validated) {
        // Those of the endpoint go before those of the module that it was included in.
        std::map<int, const std::string*> descriptions;
        for (const ErrorResponse& response : endpoint.options.responses)
            descriptions.emplace(response.status, &response.description);
        const auto describe = [&](int status, std::string_view otherwise) {
            const auto known = descriptions.find(status);
            const bool said = known != descriptions.end() && !known->second->empty();
            json.key(std::to_string(status)).begin_object();
            json.key<"description">().value(said ? std::string_view(*known->second) : otherwise);
        };

        json.key<"responses">().begin_object();
        const int own = endpoint.options.status;
        describe(own, "Successful Response");
        const auto schema = schema_of_result(endpoint.operation, id);
        if (schema && http::may_have_body(own)) write_content(json, *schema);
        json.end_object();

        constexpr int unprocessable = 422;
        std::set<int> written{own};
        if (validated) written.insert(unprocessable);
        for (const ErrorResponse& response : endpoint.options.responses) {
            if (!written.insert(response.status).second) continue;
            const auto reason = http::reason_phrase(response.status);
            describe(response.status, reason);
            if (http::may_have_body(response.status)) {
                write_content(json, R"({"$ref":"#/components/schemas/HTTPError"})");
                errors_ = true;
            }
            json.end_object();
        }
        if (validated && own != unprocessable) {
            describe(unprocessable, "Validation Error");
            write_content(json, R"({"$ref":"#/components/schemas/HTTPValidationError"})");
            json.end_object();
            validation_errors_ = true;
        }
        json.end_object();
    }

    /// Nothing: it has no content.
    std::optional<std::string> schema_of_result(const Operation& operation,
                                                const std::string& id) const {
        if (operation.result_is_response) return "{}";
        if (operation.result == nullptr) return std::nullopt;
        if (operation.result->kind == model::Type::Kind::json) return "{}";
        const std::string title = model::title_of("Response_" + id);
        if (!operation.result_is_list)
            return schemas_.schema(*operation.result, Mode::output, title);
        std::string list;
        JsonWriter json(list);
        json.begin_object().key<"type">().value("array");
        json.key<"items">().verbatim(schemas_.schema(*operation.result, Mode::output));
        json.key<"title">().value(title).end_object();
        return list;
    }

    static void write_content(JsonWriter& json, std::string_view schema,
                              std::string_view content_type = "application/json") {
        json.key<"content">().begin_object().key(content_type).begin_object();
        json.key<"schema">().verbatim(schema).end_object().end_object();
    }

    void write_components(JsonWriter& json) const {
        auto definitions = schemas_.definitions();
        if (validation_errors_) {
            definitions.emplace("HTTPValidationError", http_validation_error);
            definitions.emplace("ValidationError", validation_error);
        }
        if (errors_) definitions.emplace("HTTPError", http_error);
        if (definitions.empty() && schemes_.empty()) return;
        json.key<"components">().begin_object();
        if (!definitions.empty()) {
            json.key<"schemas">().begin_object();
            for (const auto& [name, schema] : definitions)
                json.key(name).verbatim(schema);
            json.end_object();
        }
        if (!schemes_.empty()) {
            json.key<"securitySchemes">().begin_object();
            for (const auto& [name, scheme] : schemes_)
                json.key(name).verbatim(scheme);
            json.end_object();
        }
        json.end_object();
    }

    const OpenApiInfo& info_;
    const std::vector<const Endpoint*> endpoints_;
    const Schemas schemas_;
    std::size_t servers_at_ = 0;
    std::set<std::string> ids_;
    std::map<std::string, std::string_view> schemes_;
    bool validation_errors_ = false;
    bool errors_ = false;
};

}  // namespace

JsonText openapi(const std::vector<Endpoint>& endpoints, const OpenApiInfo& info) {
    return OpenApi(endpoints, info).below(info.root_path);
}

OpenApi::OpenApi(const std::vector<Endpoint>& endpoints, const OpenApiInfo& info) {
    Document document(endpoints, info);
    text_ = document.write();
    servers_at_ = document.servers_at();
}

JsonText OpenApi::below(std::string_view root_path) const {
    if (root_path.empty()) return JsonText(text_);
    std::string servers;
    JsonWriter json(servers);
    json.begin_object().key<"servers">().begin_array().begin_object();
    json.key<"url">().value(root_path).end_object().end_array().end_object();
    // Its one member, behind the one that is there already.
    servers.front() = ',';
    servers.pop_back();
    std::string text = text_;
    return JsonText(text.insert(servers_at_, servers));
}

}  // namespace signalbox::api
