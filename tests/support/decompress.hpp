#pragma once

#include <string>
#include <string_view>

namespace signalbox::test {

/// The content of a complete gzip. Throws std::runtime_error when it is none, or has more or less.
std::string gunzip(std::string_view gzip);

/// Of the beginning of one: all that can be told by now.
std::string gunzip_beginning(std::string_view gzip);

/// The same of zstd, the beginning of one included.
std::string unzstd(std::string_view zstd);

}  // namespace signalbox::test
