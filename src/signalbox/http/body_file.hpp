#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "signalbox/async/task.hpp"
#include "signalbox/async/waiter.hpp"
#include "signalbox/context/error_types.hpp"
#include "signalbox/http/errors.hpp"
#include "signalbox/http/eviction_budget.hpp"
#include "signalbox/http/response.hpp"
#include "signalbox/process/descriptor.hpp"

namespace asio {
class io_context;
}

namespace signalbox::http {

/// The disk that bodies may take, of all requests together. Of those that arrive the slowest go
/// when there is no room for another. Loops that append at the same moment may exceed the limit by
/// a piece each until somebody has gone. Any thread.
class UploadDisk final : public EvictionBudget {
  public:
    UploadDisk(std::filesystem::path folder, std::uint64_t limit)
        : EvictionBudget(limit), folder_(std::move(folder)) {}

    const std::filesystem::path& folder() const noexcept { return folder_; }
    /// Those of a file that is being closed are not counted any more.
    std::size_t bytes() const noexcept override { return bytes_; }
    std::uint64_t files() const noexcept { return files_; }
    /// Ever.
    std::uint64_t written() const noexcept { return written_; }
    std::uint64_t refused() const noexcept { return refused_; }

    /// A file that nobody can find and that is gone when it is closed, also after a crash. Throws
    /// std::system_error that names the folder.
    process::Descriptor open() const;

  private:
    friend class BodyFile;

    const std::filesystem::path folder_;
    std::atomic<std::size_t> bytes_{0};
    std::atomic<std::uint64_t> files_{0};
    std::atomic<std::uint64_t> written_{0};
    std::atomic<std::uint64_t> refused_{0};
};

/// A body could not be written. For the client it is what BodyFile::answer_to_failure says.
class UploadDiskError : public HttpError {
  public:
    UploadDiskError(int status, std::string detail, Headers headers, std::string cause)
        : HttpError(status, std::move(detail), std::move(headers)), cause_(std::move(cause)) {}
    const char* what() const noexcept override { return cause_.c_str(); }
    std::string_view error_type() const noexcept override {
        return context::error_types::upload_disk;
    }

  private:
    std::string cause_;
};

/// A request's body that is too large for memory: on disk, but for what has not been written yet,
/// which is done on threads that may block. It has no name there, and is gone when nobody refers
/// to it any more, at the latest with the process.
///
/// Threads: its loop's, where nothing else is said. It is destroyed on any.
class BodyFile final : public std::enable_shared_from_this<BodyFile>, public BudgetHolder {
  public:
    /// Is told when more was written, or cannot be.
    class Observer {
      public:
        virtual ~Observer() = default;
        virtual void on_written() noexcept = 0;
    };

    BodyFile(asio::io_context& loop, std::shared_ptr<UploadDisk> disk);
    ~BodyFile() override;
    BodyFile(const BodyFile&) = delete;
    BodyFile& operator=(const BodyFile&) = delete;

    /// The next bytes; others may have to give way to them. Throws std::system_error when there is
    /// no thread to write them.
    void append(std::string bytes);
    /// Whether so much waits to be written that nothing more is to be appended now.
    bool congested() const noexcept { return waiting_.size() > 1; }
    /// Of what was appended and is still in memory.
    std::size_t memory_size() const noexcept { return in_memory_; }
    /// While it arrives. Who is told then has it answered, should it have to give way. Null:
    /// nobody, and it stays.
    void observe(Observer* observer) noexcept;

    asio::io_context& loop() noexcept override { return loop_; }
    bool evictable_at_once() const noexcept override { return false; }
    void give_way() noexcept override;
    std::shared_ptr<const void> kept() const noexcept override { return weak_from_this().lock(); }

    enum class Failure : std::uint8_t {
        none,
        limit,     ///< there would be more than allowed, bytes or open files
        evicted,   ///< the same, and it was the slowest of those that arrived
        no_space,  ///< the disk is full
        broken,    ///< the disk fails
        too_slow,  ///< the disk takes nothing more, as far as who appends can wait
    };
    /// Nothing more is written then.
    Failure failure() const noexcept { return failure_; }
    /// It has waited for the disk for too long: too_slow, unless it has failed by itself.
    void give_up() noexcept { fail(Failure::too_slow, 0); }
    /// For the log.
    std::string cause() const;
    /// What the client is told: 503 beyond the limit or when it is too slow, 507 for a full disk,
    /// else 500.
    Response answer_to_failure() const;

    /// Until all is written. Throws UploadDiskError when it cannot be.
    async::Task<> written() const;

    std::uint64_t size() const noexcept { return size_; }
    /// Up to so many bytes from there; fewer at the end only. Blocks; any thread, when all is
    /// written. Throws std::system_error.
    std::size_t read_at(std::uint64_t offset, char* bytes, std::size_t most) const;
    /// The same file; see read_at.
    int descriptor() const noexcept { return file_.get(); }

    /// What is appended at a time, and what a body has to exceed to be here.
    static constexpr std::size_t piece_size = 256 * 1024;

  private:
    class Write;

    void write_next();
    void on_written(std::size_t size, int error) noexcept;
    void fail(Failure why, int error) noexcept;
    void reserve(std::size_t bytes);
    void give_back() noexcept;
    UploadDiskError error() const;

    asio::io_context& loop_;
    const std::shared_ptr<UploadDisk> disk_;
    process::Descriptor file_;  ///< opened by the first write, on its thread
    std::uint64_t size_ = 0;
    std::size_t reserved_ = 0;
    std::size_t in_memory_ = 0;
    std::deque<std::string> waiting_;  ///< the first of them is being written
    Failure failure_ = Failure::none;
    int error_ = 0;
    Observer* observer_ = nullptr;
    mutable async::Waiter waiter_;
};

}  // namespace signalbox::http
