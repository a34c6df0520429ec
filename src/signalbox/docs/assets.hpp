#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace signalbox::docs {

constexpr std::string_view assets_path = "/docs/assets";

/// A file of Swagger UI or of Redoc that the pages load. docs/assets.txt has them.
struct Asset {
    /// `/docs/assets/swagger-ui-dist@5.35.0/swagger-ui.css`: what is there never changes.
    std::string_view served_at;
    std::string_view content_type;
    std::string_view integrity;  ///< for browsers (W3C Subresource Integrity): `sha384-…`
    std::string_view gzip;       ///< its bytes, compressed; empty: they are not in the library

    /// Behind what all have in common, here as on CDNs for npm packages.
    std::string_view path() const { return served_at.substr(assets_path.size()); }
};

/// All of them. Made by CMake.
const std::vector<Asset>& assets();

/// The one of this file name. Throws std::logic_error when there is none.
const Asset& asset(std::string_view file_name);

/// Whether the library was built with their bytes: all of them, or none.
bool has_assets();

/// What the bytes are when they are not compressed. Throws std::runtime_error when they are no gzip
/// (RFC 1952) in one member.
std::string inflate(std::string_view gzip);

}  // namespace signalbox::docs
