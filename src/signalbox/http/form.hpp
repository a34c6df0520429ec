#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "signalbox/http/form_limits.hpp"
#include "signalbox/http/wire/multipart.hpp"

namespace signalbox::http {

/// How a form is written in a body.
enum class FormEncoding : std::uint8_t {
    none,  ///< it is another kind of content, and so a form without fields
    urlencoded,
    multipart,
};

/// One field of a form. Several may have the same name.
struct FormField {
    /// Of one that was sent as a file: where its content is in the body.
    struct File {
        std::string filename;  ///< the client's; empty where none was chosen
        std::vector<std::pair<std::string, std::string>> headers;  ///< names in lower case
        std::uint64_t offset = 0;
        std::uint64_t size = 0;
    };

    std::string name;
    std::string text;
    std::optional<File> file{};
};

/// A form as it is sent: application/x-www-form-urlencoded (as QueryReader reads it) or
/// multipart/form-data (RFC 7578), the whole of it or piece by piece. A text that is not UTF-8,
/// or says that its charset is another, is read as Latin-1, as Starlette does.
///
/// Threads: one at a time.
class FormReader final : PartReceiver {
  public:
    /// Throws HttpError 400 when the content type lacks a boundary.
    FormReader(std::optional<std::string_view> content_type, const FormLimits& limits);

    FormReader(const FormReader&) = delete;  // its parser knows it
    FormReader& operator=(const FormReader&) = delete;

    FormEncoding encoding() const noexcept { return encoding_; }

    /// The next bytes of the body; the same as with MultipartParser::feed. Throws HttpError 400
    /// when they are no form, or too much of one. urlencoded: only all of it at once.
    std::size_t feed(std::string_view bytes);
    /// Nothing more comes. Throws as feed() does.
    std::vector<FormField> end();

  private:
    void on_part(PartHead head, std::uint64_t offset) override;
    void on_text(std::string_view bytes) override;
    void on_part_end(std::uint64_t offset) override;
    std::string decoded(std::string text) const;
    void throw_if_faulty() const;

    const FormLimits limits_;
    FormEncoding encoding_ = FormEncoding::none;
    bool utf8_ = true;
    std::optional<MultipartParser> parser_;
    std::vector<FormField> fields_;
};

}  // namespace signalbox::http
