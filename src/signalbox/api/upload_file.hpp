#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "signalbox/async/task.hpp"
#include "signalbox/http/form.hpp"
#include "signalbox/http/response.hpp"

namespace signalbox::http {
class BodyFile;
}

namespace signalbox::api {

namespace detail {
struct FormContent;
}

/// A file in a form (FastAPI's UploadFile), as a member of the struct of a Form: one, which has to
/// be sent, a std::optional, or a std::vector of them. A field that is left empty in a browser is a
/// file as well, without a name and of no bytes.
///
/// Its content is in memory, or with a large body in a file without a name that is gone with the
/// last UploadFile of the request. A copy shares the content and has its own position.
///
/// Threads: the request's event loop's. Reading from disk is done on other threads.
class UploadFile {
  public:
    using FormFile = UploadFile;

    UploadFile();
    ~UploadFile();
    UploadFile(const UploadFile& other);
    UploadFile(UploadFile&& other) noexcept;
    UploadFile& operator=(const UploadFile& other);
    UploadFile& operator=(UploadFile&& other) noexcept;

    /// What the client calls it: any text, `../../etc/passwd` among others. It is for people to
    /// read. Make no path of it: choose the names of files yourself.
    const std::string& filename() const noexcept;
    /// What the client says that it is. Nobody has looked.
    std::optional<std::string_view> content_type() const { return header("content-type"); }
    /// Of its part of the form, with names in lower case; the last one of a name.
    std::optional<std::string_view> header(std::string_view name) const;
    const http::Headers& headers() const noexcept;
    /// In bytes.
    std::uint64_t size() const noexcept;

    /// The bytes from the position on, as many as are asked for and there are, or all that are
    /// left, which may be more than memory has. Moves the position behind them. One at a time.
    async::Task<std::string> read(std::size_t most = std::numeric_limits<std::size_t>::max());
    /// Moves the position; at most behind the last byte.
    void seek(std::uint64_t position) noexcept;

    /// Makes a file of all of it: written under another name in the same folder, with
    /// fdatasync(2), and then renamed, so that the path has all of it or what it had before, also
    /// after a power failure. Access is what the process's umask leaves of 0666. Throws
    /// std::system_error that names the path. A handler that is cancelled meanwhile does not learn
    /// whether it was saved.
    async::Task<> save(std::string path) const;

  private:
    friend struct detail::FormContent;

    struct Content;
    std::shared_ptr<const Content> content_;
    std::uint64_t position_ = 0;
};

namespace detail {

/// What a form's files are in: a body in memory, or in a file.
struct FormContent {
    std::shared_ptr<const std::string> memory;
    std::shared_ptr<const http::BodyFile> file;

    UploadFile upload(http::FormField::File part) const;
};

}  // namespace detail
}  // namespace signalbox::api
