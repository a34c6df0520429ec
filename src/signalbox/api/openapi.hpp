#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "signalbox/api/module.hpp"
#include "signalbox/json.hpp"

namespace signalbox::api {

struct OpenApiInfo {
    std::string title;
    std::string version;
    std::string description{};
    std::string root_path{};  ///< below which a proxy has the API (`servers`), or empty
};

/// What the endpoints take and give, by OpenAPI 3.1.0 and as FastAPI 0.115 writes it, but those
/// that are not `in_documents`. Names, titles and ids come from the functions and structs.
JsonText openapi(const std::vector<Endpoint>& endpoints, const OpenApiInfo& info);

/// The same for any root path, which a proxy may say with each request. Immutable: any thread.
class OpenApi {
  public:
    /// `info.root_path` means nothing.
    OpenApi(const std::vector<Endpoint>& endpoints, const OpenApiInfo& info);

    JsonText below(std::string_view root_path) const;

  private:
    std::string text_;  ///< without `servers`
    std::size_t servers_at_ = 0;
};

}  // namespace signalbox::api
