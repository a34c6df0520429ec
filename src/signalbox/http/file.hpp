#pragma once

#include <cstddef>
#include <filesystem>
#include <string>

#include "signalbox/http/request.hpp"
#include "signalbox/http/response.hpp"

namespace signalbox::http {

/// What a file is sent as: `FileOptions().content_type("text/csv").download_as("orders.csv")`.
class FileOptions {
  public:
    FileOptions& content_type(std::string type);
    /// Content-Disposition (RFC 6266): offered to be saved under this name, whatever is in it.
    FileOptions& download_as(std::string name);
    /// At most so many bytes are sent; 8 MiB by default.
    FileOptions& most_bytes(std::size_t size);

  private:
    friend Response file(const Request&, const std::filesystem::path&, const FileOptions&);

    std::string content_type_;
    std::string name_;
    std::size_t most_ = std::size_t{8} << 20;
};

/// A file, whole (FastAPI's FileResponse): with a content type by its name's extension, an ETag by
/// its size and time, and Last-Modified; 304 to a client that has it (RFC 9110, section 13.1.2).
///
/// It is read on the event loop, as nginx does by default, and into memory for each client: it is
/// for small files of a local disk. Throws HttpError 404 when there is no such file, or when it is
/// a folder, pipe or device; std::length_error when it is larger than the options allow, and
/// std::system_error, a 500, when it cannot be read.
///
/// Do not make the path from a client's text: that can lead anywhere.
Response file(const Request& request, const std::filesystem::path& path,
              const FileOptions& options = {});

}  // namespace signalbox::http
