#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "signalbox/http/middleware.hpp"

namespace signalbox::http {

struct CompressionOptions {
    std::size_t minimum_size = 500;  ///< of a body, in bytes; smaller ones are sent as they are
    int level = 6;                   ///< of gzip, from 1, the fastest, to 9, the smallest
    /// From 1 to 19. A large body takes some 4 MB of memory meanwhile at 3, and 90 MB at 19; as
    /// many at a time are compressed as there are threads for it, four for each event loop.
    int zstd_level = 3;
    /// Those that are used, the preferred one first.
    std::vector<std::string> codings{"zstd", "gzip"};
};

/// Compresses responses for clients that take gzip (Starlette's GZipMiddleware) or zstd, by the
/// weights of their Accept-Encoding. It leaves alone responses that have a Content-Encoding or
/// `Cache-Control: no-transform`, parts (206), types that are compressed already, such as pictures,
/// films, sound and archives, and server-sent events. What does not get smaller is sent as it is.
/// All that it could compress has `Vary: Accept-Encoding`; a strong ETag becomes a weak one (RFC
/// 9110, section 8.8.1), because the bytes differ.
///
/// Bodies of more than 64 KiB are compressed on a thread beside the event loop; a request that is
/// cancelled does not wait for it. A buffer that several responses send, as that of a shared read,
/// is compressed once for all of them. Streams are compressed piece by piece, and each piece is
/// sent at once; what that takes, 256 KiB with gzip and some 650 with zstd, counts in
/// --limit-buffered for as long as the stream is open.
///
/// Where a body holds a secret and a text that the client has chosen, its compressed size can tell
/// the secret (BREACH): give such a response `Content-Encoding: identity`.
///
/// Throws std::invalid_argument for a level or coding that is none.
Middleware compression(CompressionOptions options = {});

}  // namespace signalbox::http
