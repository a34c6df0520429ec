#include "signalbox/api/module.hpp"

namespace signalbox::api {

namespace {

template <class Row>
void append(std::vector<Row>& rows, const std::vector<Row>& more) {
    rows.insert(rows.end(), more.begin(), more.end());
}

}  // namespace

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
    append(startup_, other.startup_);
    append(shutdown_, other.shutdown_);
    return *this;
}

}  // namespace signalbox::api
