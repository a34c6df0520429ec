#pragma once

#include <cstddef>

namespace signalbox::http {

/// How much of a form is read, whatever the limit of its body; past one of them 400. The first
/// three have Starlette's names and values.
struct FormLimits {
    std::size_t max_files = 1000;
    std::size_t max_fields = 1000;                ///< that are no files
    std::size_t max_part_size = 1024 * 1024;      ///< bytes of one that is no file, in multipart
    std::size_t max_text_size = 4 * 1024 * 1024;  ///< bytes of all that are no files, in multipart
    std::size_t max_part_head = 8 * 1024;         ///< bytes of a part's headers
    std::size_t max_part_headers = 16;            ///< of a part; browsers send two or three
    std::size_t max_name = 1024;                  ///< bytes of a field's name, of a file's name

    friend bool operator==(const FormLimits&, const FormLimits&) = default;
};

}  // namespace signalbox::http
