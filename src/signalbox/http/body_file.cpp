#include "signalbox/http/body_file.hpp"

#include <asio/io_context.hpp>
#include <fcntl.h>
#include <pthread.h>
#include <unistd.h>

#include <cerrno>
#include <condition_variable>
#include <cstdlib>
#include <deque>
#include <functional>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>

#include "signalbox/async/off_loop.hpp"

namespace signalbox::http {

namespace {

/// A thread that closes files: of a large one without a name the file system has much to free
/// meanwhile. There is one for the process, and it is never destroyed, as the last who refers to a
/// file may be anybody at any time.
class Closer {
  public:
    static Closer& of_process() {
        static Closer& closer = *new Closer;
        return closer;
    }

    /// False when it has no memory or no thread for it. Any thread.
    template <class Close>
    bool take(const Close& close) noexcept {
        try {
            std::function<void()> job(close);
            const std::lock_guard lock(mutex_);
            if (!started_) {
                std::thread([this] { work(); }).detach();
                started_ = true;
            }
            queue_.push_back(std::move(job));
            wake_.notify_one();
            return true;
        } catch (...) {
            return false;
        }
    }

  private:
    void work() {
        ::pthread_setname_np(::pthread_self(), "close-uploads");
        std::unique_lock lock(mutex_);
        while (true) {
            wake_.wait(lock, [this] { return !queue_.empty(); });
            std::function<void()> close = std::move(queue_.front());
            queue_.pop_front();
            lock.unlock();
            close();
            close = nullptr;
            lock.lock();
        }
    }

    std::mutex mutex_;
    std::condition_variable wake_;
    /// Guarded by mutex_.
    std::deque<std::function<void()>> queue_;
    bool started_ = false;
};

}  // namespace

process::Descriptor UploadDisk::open() const {
    int file = ::open(folder_.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    // Not every file system knows files without a name, as NFS and overlays of old kernels.
    if (file < 0 && (errno == EOPNOTSUPP || errno == EISDIR || errno == ENOENT)) {
        std::string name = (folder_ / "signalbox-upload-XXXXXX").string();
        file = ::mkostemp(name.data(), O_CLOEXEC);
        if (file >= 0) ::unlink(name.c_str());
    }
    if (file < 0) {
        throw std::system_error(errno, std::generic_category(),
                                "no file can be made in " + folder_.string());
    }
    return process::Descriptor(file);
}

/// One piece, written behind the others.
class BodyFile::Write final : public async::OffLoopWork {
  public:
    Write(std::shared_ptr<BodyFile> file, std::string_view bytes, std::uint64_t offset)
        : file_(std::move(file)), bytes_(bytes), offset_(offset) {}

    void run() noexcept override {
        try {
            if (file_->file_.get() < 0) file_->file_ = file_->disk_->open();
        } catch (const std::system_error& error) {
            error_ = error.code().value();
            return;
        } catch (...) {
            error_ = ENOMEM;
            return;
        }
        std::string_view rest = bytes_;
        while (!rest.empty()) {
            const auto at = static_cast<off_t>(offset_ + (bytes_.size() - rest.size()));
            const ssize_t written = ::pwrite(file_->file_.get(), rest.data(), rest.size(), at);
            if (written < 0 && errno == EINTR) continue;
            if (written <= 0) {
                error_ = written < 0 ? errno : ENOSPC;
                return;
            }
            rest.remove_prefix(static_cast<std::size_t>(written));
        }
    }
    void done() override { file_->on_written(bytes_.size(), error_); }

  private:
    const std::shared_ptr<BodyFile> file_;
    const std::string_view bytes_;  ///< in `waiting_`
    const std::uint64_t offset_;
    int error_ = 0;
};

BodyFile::BodyFile(asio::io_context& loop, std::shared_ptr<UploadDisk> disk)
    : loop_(loop), disk_(std::move(disk)) {
    ++disk_->files_;
}

BodyFile::~BodyFile() {
    give_back();
    const auto close = [file = file_.release(), disk = disk_] {
        if (file >= 0) ::close(file);
        --disk->files_;
    };
    if (!Closer::of_process().take(close)) close();
}

void BodyFile::append(std::string bytes) {
    if (failure_ != Failure::none || bytes.empty()) return;
    if (!disk_->fits(loop_, this, bytes.size())) {
        fail(Failure::limit, 0);
        return;
    }
    size_ += bytes.size();
    reserve(bytes.size());
    in_memory_ += bytes.size();
    waiting_.push_back(std::move(bytes));
    if (waiting_.size() == 1) write_next();
}

void BodyFile::reserve(std::size_t bytes) {
    reserved_ += bytes;
    disk_->bytes_ += bytes;
    if (observer_ == nullptr) return;
    disk_->hold(*this, {.bytes = reserved_, .moved = size_, .now = EvictionBudget::Clock::now()});
}

void BodyFile::give_back() noexcept {
    disk_->bytes_ -= std::exchange(reserved_, 0);
}

void BodyFile::observe(Observer* observer) noexcept {
    observer_ = observer;
    if (observer == nullptr) disk_->release(*this);
}

/// Its file goes when what is being written is; there is room for others from now on.
void BodyFile::give_way() noexcept {
    disk_->release(*this);
    give_back();
    fail(Failure::evicted, 0);
    if (observer_ != nullptr) observer_->on_written();
}

void BodyFile::write_next() {
    const std::string& next = waiting_.front();
    async::OffLoopThreads::of(loop_).run(
        std::make_shared<Write>(shared_from_this(), next, size_ - in_memory_));
}

void BodyFile::on_written(std::size_t size, int error) noexcept {
    in_memory_ -= size;
    waiting_.pop_front();
    if (error == 0) {
        disk_->written_ += size;
    } else {
        const bool full = error == ENOSPC || error == EDQUOT || error == EFBIG;
        const bool limit = error == EMFILE || error == ENFILE;
        fail(limit ? Failure::limit : full ? Failure::no_space : Failure::broken, error);
    }
    if (failure_ == Failure::none && !waiting_.empty()) {
        try {
            write_next();
        } catch (const std::system_error& no_thread) {
            fail(Failure::broken, no_thread.code().value());
        } catch (const std::bad_alloc&) {
            fail(Failure::broken, ENOMEM);
        }
    }
    if (observer_ != nullptr) observer_->on_written();
    if (waiting_.empty() || failure_ != Failure::none) waiter_.notify();
}

void BodyFile::fail(Failure why, int error) noexcept {
    if (failure_ != Failure::none) return;
    failure_ = why;
    error_ = error;
    ++disk_->refused_;
}

std::string BodyFile::cause() const {
    switch (failure_) {
        case Failure::none:
            return {};
        case Failure::limit:
            if (error_ != 0) break;
            return "the bodies of all requests on disk would have more than --limit-upload-disk, " +
                   std::to_string(disk_->limit()) + " bytes";
        case Failure::evicted:
            return "the bodies of all requests on disk would have more than --limit-upload-disk, " +
                   std::to_string(disk_->limit()) + " bytes, and this one came the slowest";
        case Failure::too_slow:
            return "the disk of " + disk_->folder().string() +
                   " has taken nothing more of a body for --timeout-request-body";
        case Failure::no_space:
        case Failure::broken:
            break;
    }
    return "a body cannot be written to " + disk_->folder().string() + ": " +
           std::generic_category().message(error_);
}

UploadDiskError BodyFile::error() const {
    switch (failure_) {
        case Failure::limit:
        case Failure::evicted:
            return {503,
                    "There is no room for this upload at the moment",
                    {{"Retry-After", "1"}},
                    cause()};
        case Failure::no_space:
            return {507, "There is no room on disk for this upload", {}, cause()};
        case Failure::too_slow:
            return {503, "Service Unavailable", {{"Retry-After", "1"}}, cause()};
        case Failure::none:
        case Failure::broken:
            break;
    }
    return {500, {}, {}, cause()};
}

Response BodyFile::answer_to_failure() const {
    const UploadDiskError failure = error();
    if (failure.detail().empty()) return http::error(failure.status());
    Response response = json({{"detail", failure.detail()}}, failure.status());
    response.headers = failure.headers();
    return response;
}

async::Task<> BodyFile::written() const {
    const auto self = shared_from_this();
    while (failure_ == Failure::none && !waiting_.empty()) {
        async::Task<> waiting = waiter_.wait();
        co_await std::move(waiting);
    }
    if (failure_ != Failure::none) throw error();
}

std::size_t BodyFile::read_at(std::uint64_t offset, char* bytes, std::size_t most) const {
    std::size_t read = 0;
    while (read < most) {
        const ssize_t more =
            ::pread(file_.get(), bytes + read, most - read, static_cast<off_t>(offset + read));
        if (more < 0 && errno == EINTR) continue;
        if (more < 0) throw std::system_error(errno, std::generic_category(), "reading a body");
        if (more == 0) break;
        read += static_cast<std::size_t>(more);
    }
    return read;
}

}  // namespace signalbox::http
