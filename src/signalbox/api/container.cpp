#include "signalbox/api/container.hpp"

#include <algorithm>
#include <stdexcept>
#include <utility>

#include "signalbox/api/path_names.hpp"
#include "signalbox/model/reader.hpp"

namespace signalbox::api {

namespace {

std::string text(std::string_view view) {
    return std::string(view);
}

std::string describe(const Endpoint& endpoint) {
    return text(endpoint.method) + " " + endpoint.path + " (" + text(endpoint.name) + ")";
}

/// Whether one of these functions takes it.
template <class Row>
bool is_taken(const TypeName* type, const std::vector<Row>& rows) {
    return std::any_of(rows.begin(), rows.end(), [type](const Row& row) {
        return std::find(row.services.begin(), row.services.end(), type) != row.services.end();
    });
}

/// A body with files may be large.
bool spools_body(const Operation& operation) {
    return operation.body_is_form && model::has_file(*operation.body);
}

/// Whether what its function takes can be had from such a request.
void check(const Endpoint& endpoint) {
    const auto fail = [&endpoint](const std::string& why) {
        throw std::invalid_argument(describe(endpoint) + ": " + why);
    };
    const Operation& operation = endpoint.operation;
    const auto names = names_in(endpoint.path);
    bool of_path = operation.path_parameter != nullptr;
    if (of_path && names.size() != 1) {
        fail("the function takes one parameter of the path, which has " +
             std::to_string(names.size()) +
             (names.size() > 1 ? ": take a Path<…> struct of them, by name" : ""));
    }
    try {
        if (operation.body != nullptr) model::check_model(*operation.body);
        if (of_path) model::check_model(*operation.path_parameter);
        for (const auto& [place, type] : operation.parameters)
            model::check_model(*type);
    } catch (const std::invalid_argument& error) {
        fail(error.what());
    }
    if (operation.result != nullptr && model::has_file(*operation.result))
        fail("an UploadFile is read from a form, and cannot be returned");
    if (operation.body != nullptr && !operation.body_is_form && model::has_file(*operation.body))
        fail("an UploadFile is read from a form: take a Form<…>");
    if (operation.body_is_form) {
        for (const model::Member& member : operation.body->model().members) {
            if (!model::is_of_form(*member.type)) {
                fail(text(operation.body->name) + "." + text(member.name) +
                     " is read from a field of a form, and can be no struct, map or list of such");
            }
        }
    }
    for (const auto& [place, type] : operation.parameters) {
        for (const model::Member& member : type->model().members) {
            const std::string name = text(member.name);
            if (place == Place::path && std::find(names.begin(), names.end(), name) == names.end())
                fail("the path has no {" + name + "}, which " + text(type->name) + " has");
            if (!model::is_text(*member.type, place == Place::query || place == Place::header)) {
                fail(text(type->name) + "." + name +
                     " is read from a text, and can be no struct, map or list of such");
            }
        }
        of_path = of_path || place == Place::path;
    }
    if (of_path && operation.path_parameter == nullptr) {
        for (const std::string_view name : names) {
            const bool taken = std::any_of(
                operation.parameters.begin(), operation.parameters.end(), [&](const auto& group) {
                    const auto& members = group.type->model().members;
                    return group.place == Place::path &&
                           std::any_of(members.begin(), members.end(),
                                       [&](const auto& member) { return member.name == name; });
                });
            if (!taken) fail("nothing in the function's Path<…> is named " + text(name));
        }
    }
}

}  // namespace

Container::Container(Module module) : module_(std::move(module)) {}

Container::~Container() {
    while (!made_.empty())
        made_.pop_back();
}

/// A replacement that nobody meets would let a test pass that tests something else.
void Container::check_replacements() const {
    for (const auto& [type, service] : replaced_) {
        if (!is_taken(type, module_.endpoints()) && !is_taken(type, module_.providers()) &&
            !is_taken(type, module_.middleware()) && !is_taken(type, module_.startup()) &&
            !is_taken(type, module_.shutdown())) {
            throw std::invalid_argument("replaced, but nobody takes a " + text(type->text) +
                                        " (of a class derived from what is taken, say which: "
                                        "replace<Base>(object))");
        }
    }
    for (const auto& [name, replacement] : replacements_) {
        const bool taken = std::any_of(module_.endpoints().begin(), module_.endpoints().end(),
                                       [name = name](const Endpoint& endpoint) {
                                           return std::find(endpoint.dependencies.begin(),
                                                            endpoint.dependencies.end(),
                                                            name) != endpoint.dependencies.end();
                                       });
        if (!taken) {
            throw std::invalid_argument("replaced, but no endpoint depends on " + text(name->text));
        }
    }
}

void Container::make_services() {
    check_replacements();
    for (const auto& [type, service] : replaced_)
        services_.insert_or_assign(type, service);
    const auto& providers = module_.providers();
    for (auto provider = providers.begin(); provider != providers.end(); ++provider) {
        const bool twice =
            std::any_of(std::next(provider), providers.end(),
                        [&](const auto& other) { return other.type == provider->type; });
        if (twice || (services_.contains(provider->type) && !replaced_.contains(provider->type))) {
            throw std::invalid_argument("provided twice: " + text(provider->type->text));
        }
    }
    for (const Provider& provider : providers)
        make(*provider.type, "the application");
    for (const Endpoint& endpoint : module_.endpoints()) {
        check(endpoint);
        endpoints_.push_back({&endpoint, find(endpoint.services, describe(endpoint))});
    }
    for (const MiddlewareSource& source : module_.middleware())
        middleware_.push_back({&source, find(source.services, text(source.name))});
    std::reverse(middleware_.begin(), middleware_.end());
    for (const Hook& hook : module_.startup())
        startup_.push_back({&hook, find(hook.services, text(hook.name))});
    for (const Hook& hook : module_.shutdown())
        shutdown_.push_back({&hook, find(hook.services, text(hook.name))});
    std::reverse(shutdown_.begin(), shutdown_.end());
}

void* Container::make(const TypeName& type, const std::string& for_whom) {
    if (const auto known = services_.find(&type); known != services_.end()) return known->second;
    const auto provider =
        std::find_if(module_.providers().begin(), module_.providers().end(),
                     [&type](const Provider& each) { return each.type == &type; });
    if (provider == module_.providers().end()) {
        throw std::invalid_argument("nobody provides a " + text(type.text) + ", which " + for_whom +
                                    " takes");
    }
    if (std::find(in_the_making_.begin(), in_the_making_.end(), &type) != in_the_making_.end()) {
        throw std::invalid_argument("made from itself: " + text(type.text));
    }
    in_the_making_.push_back(&type);
    const auto from = find(provider->services, "the factory of " + text(type.text));
    made_.push_back(provider->make({.services = from.data()}));
    in_the_making_.pop_back();
    return services_.emplace(&type, made_.back().get()).first->second;
}

std::vector<void*> Container::find(const std::vector<const TypeName*>& types,
                                   const std::string& for_whom) {
    std::vector<void*> found;
    found.reserve(types.size());
    for (const TypeName* type : types)
        found.push_back(make(*type, for_whom));
    return found;
}

std::vector<http::Route> Container::routes() const {
    std::vector<http::Route> routes;
    http::ErrorHandler on_error;
    if (!module_.error_handlers().empty()) {
        on_error = [this](const std::exception_ptr& thrown,
                          http::Request& request) -> std::optional<http::Response> {
            const auto& handlers = module_.error_handlers();
            for (auto handler = handlers.rbegin(); handler != handlers.rend(); ++handler) {
                if (auto response = (*handler)(thrown, request)) return response;
            }
            return std::nullopt;
        };
    }
    for (const auto& bound : endpoints_) {
        // Two pointers, which std::function keeps without memory of its own.
        routes.push_back({.method = bound.row->method,
                          .path = bound.row->path,
                          .handler =
                              [this, &bound](http::Request& request) {
                                  return bound.row->call(
                                      {.services = bound.services.data(),
                                       .request = &request,
                                       .replacements = &replacements_,
                                       .status = bound.row->options.status,
                                       .form_limits = &bound.row->options.form_limits});
                              },
                          .on_error = on_error,
                          .body_limit = bound.row->options.body_limit,
                          .has_background_tasks = bound.row->operation.background_tasks,
                          .spools_body = spools_body(bound.row->operation),
                          .timeout = bound.row->options.timeout});
    }
    return routes;
}

std::vector<http::Middleware> Container::middleware() const {
    std::vector<http::Middleware> all;
    for (const auto& bound : middleware_)
        all.push_back(bound.row->make({.services = bound.services.data()}));
    return all;
}

std::vector<async::Task<>> Container::startup() const {
    std::vector<async::Task<>> tasks;
    for (const auto& bound : startup_)
        tasks.push_back(bound.row->run({.services = bound.services.data()}));
    return tasks;
}

std::vector<async::Task<>> Container::shutdown() const {
    std::vector<async::Task<>> tasks;
    for (const auto& bound : shutdown_)
        tasks.push_back(bound.row->run({.services = bound.services.data()}));
    return tasks;
}

}  // namespace signalbox::api
