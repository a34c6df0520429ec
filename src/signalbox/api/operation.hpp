#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "signalbox/model/type.hpp"

namespace signalbox::api {

/// Where in a request a parameter is.
enum class Place : std::uint8_t { path, query, header, cookie };

/// A way to say who one is (OpenAPI 3.1, section 4.8.27).
struct SecurityScheme {
    std::string_view name;  ///< as FastAPI names it: `HTTPBearer`
    std::string_view json;  ///< the Security Scheme Object
};

/// What an endpoint takes and gives, as its function and its dependencies declare it. It is for
/// the documents, and for the checks at start.
struct Operation {
    /// A model has one parameter for each member.
    struct Parameters {
        Place place;
        const model::Type* type;
    };

    const model::Type* path_parameter = nullptr;  ///< the only one, whatever its name
    std::vector<Parameters> parameters;
    const model::Type* body = nullptr;
    bool body_required = true;
    bool body_is_form = false;
    std::vector<const SecurityScheme*> security;
    bool background_tasks = false;  ///< it may add some

    const model::Type* result = nullptr;  ///< null: nothing, or a response that is made by hand
    bool result_is_list = false;          ///< of such
    bool result_is_response = false;      ///< http::Response: the function says nothing about it
    std::vector<std::string> faults;      ///< what is wrong with it
};

}  // namespace signalbox::api
