#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "signalbox/http/response.hpp"

namespace signalbox::http {

/// The sending side of a connection: one response at a time, straight to the socket. It never
/// blocks or spins: what the socket does not take now waits here until the loop finds it writable.
///
/// For the loop's thread.
class Output {
  public:
    explicit Output(int socket) noexcept : socket_(socket) {}

    enum class Progress {
        sent,     ///< all of it
        waiting,  ///< for the socket to become writable; resume() then
        broken,   ///< the socket takes nothing more, ever
    };
    /// Sends head and body, and behind them `end`, a constant. What has to wait is kept: the head
    /// is copied. Not while one is waiting. Throws std::system_error when the kernel has no memory
    /// for it, which is not the client's doing.
    Progress send(std::string_view head, Body body, std::string_view end = {});
    Progress resume();

    bool waiting() const noexcept { return unsent_ != nullptr; }
    /// Of the response that waits, as both are in memory until its last byte is sent: the bytes of
    /// its head, and its body, which others may send, too.
    std::size_t waiting_head_size() const noexcept { return unsent_ ? unsent_->head.size() : 0; }
    std::string_view waiting_body() const noexcept {
        return unsent_ ? unsent_->body.view() : std::string_view();
    }
    /// Bytes that the socket has taken, ever.
    std::uint64_t sent() const noexcept { return sent_; }
    /// Forgets the response that waits.
    void drop() noexcept { unsent_.reset(); }

  private:
    /// Only while the socket is full, which is rare.
    struct Unsent {
        std::string head;
        Body body;
        std::string_view end;
        std::size_t sent;
    };

    Progress write(std::string_view head, std::string_view body, std::string_view end,
                   std::size_t& sent);

    const int socket_;
    std::uint64_t sent_ = 0;
    std::unique_ptr<Unsent> unsent_;
};

}  // namespace signalbox::http
