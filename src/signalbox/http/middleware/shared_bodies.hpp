#pragma once

#include <asio/io_context.hpp>

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "signalbox/async/task.hpp"
#include "signalbox/http/response.hpp"
#include "signalbox/json.hpp"

namespace signalbox::http {

/// What buffers are that several responses send, in another form: made once for all of them, on
/// whatever loops they are, and kept while somebody has the buffer. The form of one that nobody has
/// any more goes when the next buffer comes.
///
/// Threads: any.
class SharedBodies {
  public:
    /// A body in its other form; nothing when that is no better. It may run on any thread.
    using Make = std::function<JsonText(std::string_view)>;

    explicit SharedBodies(Make make) : make_(std::move(make)) {}
    SharedBodies(const SharedBodies&) = delete;
    SharedBodies& operator=(const SharedBodies&) = delete;

    /// Made here and now, unless it is there.
    JsonText get(const JsonText& body);
    /// Made on a thread beside the loop. When its caller is cancelled, others get it all the same.
    async::Task<JsonText> get_off_loop(JsonText body);

    /// How many are kept.
    std::size_t size() const;

  private:
    class Making;
    struct Entry {
        std::weak_ptr<const std::string_view> body{};
        std::mutex making{};
        std::atomic<bool> made{false};
        JsonText form{};  ///< once it is made
        /// Of each loop that has somebody who waits; guarded by SharedBodies::mutex_.
        std::map<asio::io_context*, std::weak_ptr<Making>> makings{};
    };

    std::shared_ptr<Entry> entry_of(const JsonText& body);
    void make(Entry& entry, std::string_view body) const;

    const Make make_;
    mutable std::mutex mutex_;
    std::map<const void*, std::shared_ptr<Entry>> entries_;  ///< by owner; guarded by mutex_
};

}  // namespace signalbox::http
