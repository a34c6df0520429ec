#pragma once

#include <span>
#include <string_view>

namespace signalbox::http {

/// Whether a client with this Accept-Encoding takes gzip (RFC 9110, section 12.5.3). Not one that
/// has sent none: it may take anything then, and most such clients take what they get for the
/// content.
bool accepts_gzip(std::string_view accept_encoding);

/// The coding that such a client prefers of these, by its weights, and where those are equal the
/// first one. Empty when it takes none of them, or prefers the content as it is. `gzip` is `x-gzip`
/// as well (RFC 9110, section 8.4.1.3).
std::string_view preferred_coding(std::string_view accept_encoding,
                                  std::span<const std::string_view> codings);

}  // namespace signalbox::http
