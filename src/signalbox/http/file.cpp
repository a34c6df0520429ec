#include "signalbox/http/file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <stdexcept>
#include <string_view>
#include <system_error>
#include <utility>

#include "signalbox/ascii.hpp"
#include "signalbox/http/errors.hpp"
#include "signalbox/http/wire/date.hpp"
#include "signalbox/process/descriptor.hpp"

namespace signalbox::http {

namespace {

/// By the extension, as the IANA's registry has them.
std::string_view type_of(const std::filesystem::path& path) {
    struct Known {
        std::string_view extension, type;
    };
    static constexpr std::array<Known, 22> known{{
        {".css", "text/css; charset=utf-8"},
        {".csv", "text/csv; charset=utf-8"},
        {".gif", "image/gif"},
        {".gz", "application/gzip"},
        {".html", "text/html; charset=utf-8"},
        {".ico", "image/vnd.microsoft.icon"},
        {".jpeg", "image/jpeg"},
        {".jpg", "image/jpeg"},
        {".js", "text/javascript; charset=utf-8"},
        {".json", "application/json"},
        {".md", "text/markdown; charset=utf-8"},
        {".mp4", "video/mp4"},
        {".pdf", "application/pdf"},
        {".png", "image/png"},
        {".svg", "image/svg+xml"},
        {".txt", "text/plain; charset=utf-8"},
        {".wasm", "application/wasm"},
        {".webp", "image/webp"},
        {".woff2", "font/woff2"},
        {".xml", "application/xml"},
        {".yaml", "application/yaml"},
        {".zip", "application/zip"},
    }};
    const std::string extension = path.extension().string();
    const auto found = std::find_if(known.begin(), known.end(),
                                    [&](const Known& each) { return each.extension == extension; });
    return found == known.end() ? "application/octet-stream" : found->type;
}

[[noreturn]] void fail(const char* what, const std::filesystem::path& path) {
    const int error = errno;
    if (error == ENOENT || error == ENOTDIR) throw HttpError(404);
    throw std::system_error(error, std::generic_category(),
                            fmt::format("{} {}", what, path.string()));
}

/// RFC 8187, section 3.2: whatever is no letter or digit is percent-encoded.
std::string disposition(std::string_view name) {
    std::string encoded;
    for (const char c : name) {
        const bool plain = is_alphanumeric(c) || c == '-' || c == '.' || c == '_';
        if (plain) {
            encoded += c;
        } else {
            encoded += fmt::format("%{:02X}", static_cast<unsigned char>(c));
        }
    }
    return encoded == name ? fmt::format("attachment; filename=\"{}\"", name)
                           : fmt::format("attachment; filename*=utf-8''{}", encoded);
}

/// Whether one of the tags of If-None-Match is this one, weakly compared (RFC 9110, 13.1.2).
bool has(const Request& request, std::string_view tag) {
    for (const Header& header : request.headers) {
        constexpr std::string_view name = "if-none-match";
        const bool it_is = std::equal(header.name.begin(), header.name.end(), name.begin(),
                                      name.end(), [](char a, char b) { return (a | 0x20) == b; });
        if (!it_is) continue;
        std::string_view rest = header.value;
        if (rest == "*") return true;
        while (!rest.empty()) {
            std::string_view one = rest.substr(0, rest.find(','));
            rest.remove_prefix(std::min(one.size() + 1, rest.size()));
            while (one.starts_with(' ') || one.starts_with('\t'))
                one.remove_prefix(1);
            while (one.ends_with(' ') || one.ends_with('\t'))
                one.remove_suffix(1);
            if (one.starts_with("W/")) one.remove_prefix(2);
            if (one == tag) return true;
        }
    }
    return false;
}

std::string read(int descriptor, std::size_t size, const std::filesystem::path& path) {
    std::string content(size, '\0');
    std::size_t done = 0;
    while (done < size) {
        const auto count = ::read(descriptor, content.data() + done, size - done);
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) fail("cannot read", path);
        if (count == 0) break;  // it was cut meanwhile
        done += static_cast<std::size_t>(count);
    }
    content.resize(done);
    return content;
}

}  // namespace

FileOptions& FileOptions::content_type(std::string type) {
    content_type_ = std::move(type);
    return *this;
}

FileOptions& FileOptions::download_as(std::string name) {
    name_ = std::move(name);
    return *this;
}

FileOptions& FileOptions::most_bytes(std::size_t size) {
    most_ = size;
    return *this;
}

Response file(const Request& request, const std::filesystem::path& path,
              const FileOptions& options) {
    // A pipe without a writer would be waited for otherwise.
    const process::Descriptor opened(
        ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
    if (opened.get() < 0) fail("cannot open", path);
    struct stat status {};
    if (::fstat(opened.get(), &status) != 0) fail("cannot look at", path);
    if (!S_ISREG(status.st_mode)) throw HttpError(404);
    const auto size = static_cast<std::size_t>(status.st_size);
    if (size > options.most_) {
        throw std::length_error(fmt::format("{} has {} bytes, and at most {} are sent",
                                            path.string(), size, options.most_));
    }
    Response response;
    const std::string tag =
        fmt::format("\"{:x}-{:x}.{:x}\"", size, status.st_mtim.tv_sec, status.st_mtim.tv_nsec);
    response.headers.emplace_back("ETag", tag);
    const std::chrono::sys_seconds changed{std::chrono::seconds(status.st_mtim.tv_sec)};
    if (const auto date = http_date(changed))
        response.headers.emplace_back("Last-Modified", std::string(date->data(), date->size()));
    if (has(request, tag)) {
        response.status = 304;
        return response;
    }
    response.content_type =
        options.content_type_.empty() ? std::string(type_of(path)) : options.content_type_;
    if (!options.name_.empty())
        response.headers.emplace_back("Content-Disposition", disposition(options.name_));
    response.body = read(opened.get(), size, path);
    return response;
}

}  // namespace signalbox::http
