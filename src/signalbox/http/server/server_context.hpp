#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string_view>

#include "signalbox/context/error_types.hpp"
#include "signalbox/http/body_file.hpp"
#include "signalbox/http/router.hpp"
#include "signalbox/http/server/client_network.hpp"
#include "signalbox/http/server/connection_counts.hpp"
#include "signalbox/http/server/memory_budget.hpp"
#include "signalbox/http/server/request_observer.hpp"
#include "signalbox/http/server/server_options.hpp"

namespace signalbox::http {

/// Why a connection was ended that its client would have had on.
enum class Cut : std::uint8_t { limit_buffered, write_timeout, failed };

constexpr std::string_view to_string(Cut why) {
    switch (why) {
        case Cut::limit_buffered:
            return context::error_types::limit_buffered;
        case Cut::write_timeout:
            return context::error_types::write_timeout;
        case Cut::failed:
            return context::error_types::connection_failed;
    }
    return "";
}

/// How many were, by reason.
template <class Count>
class CutCounts {
  public:
    static constexpr std::array all{Cut::limit_buffered, Cut::write_timeout, Cut::failed};

    Count& operator[](Cut why) noexcept { return counts_[static_cast<std::size_t>(why)]; }
    const Count& operator[](Cut why) const noexcept {
        return counts_[static_cast<std::size_t>(why)];
    }

  private:
    std::array<Count, all.size()> counts_{};
};

/// What a server's connections share. Any thread may read it.
struct ServerContext {
    const ServerOptions options;
    const Router router;
    const MakeRequestObserver make_observer;

    std::atomic<std::size_t> requests_in_flight{0};
    /// Of these: whose connection had to make way for a new one, and whose handler has not ended.
    std::atomic<std::size_t> requests_of_evicted{0};
    std::atomic<std::size_t> open_connections{0};
    /// Requests that have background tasks, or whose handler may add some. Who waits on it is told
    /// when there is none any more.
    std::atomic<std::size_t> background_places{0};
    std::atomic<std::size_t> open_streams{0};      ///< responses that have begun
    std::atomic<std::uint64_t> streamed_bytes{0};  ///< ever
    /// Ever: turned away, by why, and closed to make room, by what they did.
    std::atomic<std::uint64_t> rejected_at_limit{0};
    std::atomic<std::uint64_t> rejected_at_limit_per_address{0};
    std::atomic<std::uint64_t> rejected_without_resources{0};
    std::atomic<std::uint64_t> evicted_idle{0};
    std::atomic<std::uint64_t> evicted_receiving{0};
    std::atomic<std::uint64_t> evicted_sending{0};
    ConnectionCounts connection_counts{};
    const std::shared_ptr<UploadDisk> upload_disk =
        std::make_shared<UploadDisk>(options.upload_dir, options.limit_upload_disk);
    MemoryBudget memory{options.limit_buffered, options.workers};
    /// A connection is asked for what the kernel has of its responses whenever it has sent so many
    /// bytes more; in between they are known once a second.
    const std::size_t sent_unasked = std::clamp<std::size_t>(
        options.limit_buffered / (4 * options.limit_connections), 4 * 1024, 64 * 1024);
    /// What the kernel may have of a connection's input, in bytes, until it is seen to upload
    /// something; 0: what it likes to. All of them together fill the budget once more at most.
    const std::size_t receive_buffer = [this] {
        const std::size_t share = options.limit_buffered / options.limit_connections;
        return share >= 128 * 1024 ? 0 : std::max<std::size_t>(share, 8 * 1024);
    }();
    CutCounts<std::atomic<std::uint64_t>> cut{};  ///< ever
    /// Since the drain began.
    std::atomic<std::size_t> answered_while_draining{0};
    std::atomic<std::size_t> cancelled_while_draining{0};

    /// Signalled when the last connection closes, for whoever waits for a drain.
    std::mutex closed_mutex{};
    std::condition_variable all_closed{};

    /// One that was counted as open; `network` is what it was counted for.
    void connection_closed(std::optional<ClientNetwork> network) {
        if (network && options.limit_connections_per_address > 0) {
            connection_counts.remove(*network);
        }
        if (open_connections.fetch_sub(1) > 1) return;
        const std::lock_guard lock(closed_mutex);
        all_closed.notify_all();
    }
};

}  // namespace signalbox::http
