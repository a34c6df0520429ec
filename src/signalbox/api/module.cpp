#include "signalbox/api/module.hpp"

#include <stdexcept>
#include <utility>

namespace signalbox::api {

namespace {

template <class Row>
void append(std::vector<Row>& rows, const std::vector<Row>& more) {
    rows.insert(rows.end(), more.begin(), more.end());
}

}  // namespace

// Here once, and not in each file that has a module.
Module::Module() = default;
Module::~Module() = default;
Module::Module(const Module& other) = default;
Module::Module(Module&& other) noexcept = default;
Module& Module::operator=(const Module& other) = default;
Module& Module::operator=(Module&& other) noexcept = default;

Module& Module::add(std::string_view method, std::string path, const EndpointOptions& options,
                    const Source& source) {
    endpoints_.push_back({.method = method,
                          .path = std::move(path),
                          .name = source.name,
                          .options = options,
                          .operation = source.operation(),
                          .services = source.services(),
                          .dependencies = source.dependencies(),
                          .call = source.call});
    if (options.status == 0) endpoints_.back().options.status = source.status;
    return *this;
}

Module& Module::add_middleware(http::Middleware middleware) {
    if (!middleware) throw std::invalid_argument("add_middleware: an empty http::Middleware");
    middleware_.push_back(
        {.name = {},
         .services = {},
         .make = [middleware = std::move(middleware)](const Arguments&) { return middleware; }});
    return *this;
}

Module& Module::include(const Module& other, const std::string& prefix,
                        const IncludeOptions& options) {
    for (Endpoint endpoint : other.endpoints_) {
        endpoint.path.insert(0, prefix);
        auto& its = endpoint.options;
        its.tags.insert(its.tags.begin(), options.tags.begin(), options.tags.end());
        append(its.responses, options.responses);
        its.deprecated = its.deprecated || options.deprecated;
        its.in_documents = its.in_documents && options.in_documents;
        endpoints_.push_back(std::move(endpoint));
    }
    append(error_handlers_, other.error_handlers_);
    append(providers_, other.providers_);
    append(middleware_, other.middleware_);
    append(startup_, other.startup_);
    append(shutdown_, other.shutdown_);
    return *this;
}

}  // namespace signalbox::api
