#include "signalbox/api/module.hpp"

namespace signalbox::api {

namespace {

template <class Row>
void append(std::vector<Row>& rows, const std::vector<Row>& more) {
    rows.insert(rows.end(), more.begin(), more.end());
}

}  // namespace

Module& Module::include(const Module& other) {
    append(endpoints_, other.endpoints_);
    append(providers_, other.providers_);
    append(startup_, other.startup_);
    append(shutdown_, other.shutdown_);
    return *this;
}

}  // namespace signalbox::api
