#include "signalbox/api/upload_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <system_error>
#include <vector>

#include "signalbox/async/off_loop.hpp"
#include "signalbox/fast/random.hpp"
#include "signalbox/http/body_file.hpp"
#include "signalbox/process/descriptor.hpp"

namespace signalbox::api {

/// Never changed, so that any thread may read it.
struct UploadFile::Content {
    detail::FormContent source;
    std::string filename;
    http::Headers headers;
    std::uint64_t offset = 0;
    std::uint64_t size = 0;

    std::string_view in_memory() const {
        return std::string_view(*source.memory)
            .substr(static_cast<std::size_t>(offset), static_cast<std::size_t>(size));
    }
};

namespace {

constexpr std::size_t copied_at_once = 256 * 1024;

[[noreturn]] void fail(const char* what, const std::filesystem::path& path) {
    throw std::system_error(errno, std::generic_category(), what + path.string());
}

void write_all(int file, std::string_view bytes, const std::filesystem::path& path) {
    while (!bytes.empty()) {
        const ssize_t written = ::write(file, bytes.data(), bytes.size());
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) fail("writing ", path);
        bytes.remove_prefix(static_cast<std::size_t>(written));
    }
}

/// A file beside the path, which is gone again unless it is renamed.
class BesideFile {
  public:
    explicit BesideFile(const std::filesystem::path& path) : path_(path) {
        for (int attempt = 0; file_.get() < 0; ++attempt) {
            std::array<char, 16> random{};
            fill_with_random_hex(random);
            name_ = path;
            name_.replace_filename(".upload-" + std::string(random.begin(), random.end()));
            constexpr mode_t for_all = 0666;
            file_ = process::Descriptor(
                ::open(name_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, for_all));
            if (file_.get() < 0 && (errno != EEXIST || attempt == 10)) fail("saving ", path_);
        }
    }
    ~BesideFile() {
        if (!name_.empty()) ::unlink(name_.c_str());
    }
    BesideFile(const BesideFile&) = delete;
    BesideFile& operator=(const BesideFile&) = delete;

    int get() const noexcept { return file_.get(); }

    void take_its_place() {
        if (::fdatasync(file_.get()) != 0) fail("writing ", path_);
        if (::rename(name_.c_str(), path_.c_str()) != 0) fail("saving ", path_);
        name_.clear();
        const auto folder = path_.has_parent_path() ? path_.parent_path() : ".";
        const process::Descriptor opened(
            ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
        // A folder that may be written and not read cannot be opened, nor synchronised.
        if (opened.get() < 0 && errno != EACCES) fail("saving ", path_);
        if (opened.get() >= 0 && ::fsync(opened.get()) != 0) fail("saving ", path_);
    }

  private:
    const std::filesystem::path& path_;
    std::filesystem::path name_;
    process::Descriptor file_;
};

}  // namespace

UploadFile::UploadFile()
    : content_([] {
          static const auto none = std::make_shared<const Content>();
          return none;
      }()) {}
UploadFile::~UploadFile() = default;
UploadFile::UploadFile(const UploadFile& other) = default;
UploadFile::UploadFile(UploadFile&& other) noexcept = default;
UploadFile& UploadFile::operator=(const UploadFile& other) = default;
UploadFile& UploadFile::operator=(UploadFile&& other) noexcept = default;

const std::string& UploadFile::filename() const noexcept {
    return content_->filename;
}

std::optional<std::string_view> UploadFile::header(std::string_view name) const {
    const auto& headers = content_->headers;
    const auto found = std::find_if(headers.rbegin(), headers.rend(),
                                    [name](const auto& header) { return header.first == name; });
    if (found == headers.rend()) return std::nullopt;
    return found->second;
}

const http::Headers& UploadFile::headers() const noexcept {
    return content_->headers;
}

std::uint64_t UploadFile::size() const noexcept {
    return content_->size;
}

void UploadFile::seek(std::uint64_t position) noexcept {
    position_ = std::min(position, size());
}

async::Task<std::string> UploadFile::read(std::size_t most) {
    const auto content = content_;
    const auto count =
        static_cast<std::size_t>(std::min<std::uint64_t>(most, content->size - position_));
    const std::uint64_t position = position_;
    position_ += count;
    if (count == 0) co_return std::string();
    if (content->source.memory) {
        co_return std::string(
            content->in_memory().substr(static_cast<std::size_t>(position), count));
    }
    const auto read = [content, position, count] {
        std::string bytes(count, '\0');
        const std::size_t got =
            content->source.file->read_at(content->offset + position, bytes.data(), count);
        bytes.resize(got);
        return bytes;
    };
    async::Task<std::string> reading = async::off_loop(read);
    co_return co_await std::move(reading);
}

async::Task<> UploadFile::save(std::string path) const {
    const auto write = [content = content_, path = std::filesystem::path(std::move(path))] {
        BesideFile file(path);
        if (content->source.memory) {
            write_all(file.get(), content->in_memory(), path);
        } else if (content->source.file) {
            std::vector<char> bytes(copied_at_once);
            for (std::uint64_t done = 0; done < content->size;) {
                const auto most = static_cast<std::size_t>(
                    std::min<std::uint64_t>(bytes.size(), content->size - done));
                const std::size_t got =
                    content->source.file->read_at(content->offset + done, bytes.data(), most);
                if (got == 0) throw std::system_error(EIO, std::generic_category(), "an upload");
                write_all(file.get(), {bytes.data(), got}, path);
                done += got;
            }
        }
        file.take_its_place();
    };
    async::Task<> writing = async::off_loop(write);
    co_await std::move(writing);
}

UploadFile detail::FormContent::upload(http::FormField::File part) const {
    UploadFile file;
    file.content_ = std::make_shared<const UploadFile::Content>(
        UploadFile::Content{.source = *this,
                            .filename = std::move(part.filename),
                            .headers = std::move(part.headers),
                            .offset = part.offset,
                            .size = part.size});
    return file;
}

}  // namespace signalbox::api
