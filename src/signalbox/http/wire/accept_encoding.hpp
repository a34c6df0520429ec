#pragma once

#include <string_view>

namespace signalbox::http {

/// Whether a client with this Accept-Encoding takes gzip (RFC 9110, section 12.5.3). Not one that
/// has sent none: it may take anything then, and most such clients take what they get for the
/// content.
bool accepts_gzip(std::string_view accept_encoding);

}  // namespace signalbox::http
