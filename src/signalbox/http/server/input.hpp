#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "signalbox/http/server/transport.hpp"
#include "signalbox/http/wire/request_decoder.hpp"

namespace signalbox::http {

/// How much of one connection is read and answered in one turn of the loop, before the others have
/// theirs.
struct TurnBudget {
    /// What a chunk of a body counts besides its bytes: as much as can be copied meanwhile.
    static constexpr std::size_t bytes_for_a_chunk = 32;

    std::size_t bytes = 64 * 1024;
    std::size_t requests = 16;

    bool spent() const noexcept { return bytes == 0 || requests == 0; }
};

/// The receiving side of a connection: what the client sent, one message after the other.
///
/// It reads only when it is asked for a message and has none: what comes while a request is handled
/// waits in the kernel, and beyond what the kernel takes, with the client (TCP's window). The end
/// of the stream is told by the kernel all the same.
///
/// For the loop's thread.
class Input {
  public:
    /// `limits` and `head_receiver`, which may be null, outlive it.
    Input(Transport& transport, int socket, const DecoderLimits& limits,
          const HeadReceiver* head_receiver = nullptr)
        : transport_(transport), socket_(socket), decoder_(limits, head_receiver) {}
    Input(Transport& transport, int socket, DecoderLimits&& limits,
          const HeadReceiver* = nullptr) = delete;

    void on_ready(Readiness ready) noexcept;

    /// The next message, or part of one that needs an answer; reads for it if there is anything to
    /// read. Nothing when the client has sent no more of it, or the budget is spent.
    std::optional<Decoded> next(TurnBudget& budget);
    /// Whether the client has sent more than was taken by next(): a part of a message at least, or
    /// bytes that the kernel has. Reads to find out. False when nothing is read any more.
    bool has_more();
    /// Reads once more what the kernel has, though it did not say so.
    void expect_more() noexcept { readable_ = !over_; }
    /// To be called before the loop reads for another connection.
    void keep() { decoder_.keep(); }

    /// Takes no more. What has arrived of a message that is not complete: its head, or null.
    std::unique_ptr<Request> stop();

    /// All that will ever come has been read.
    bool over() const noexcept { return over_; }
    /// The kernel has received the end of the stream, be it read or not.
    bool end_received() const noexcept { return end_received_; }
    /// The kernel may have bytes that were not read.
    bool unread_in_kernel() const noexcept { return readable_; }

    RequestDecoder::Phase phase() const noexcept { return decoder_.phase(); }
    bool in_head_request() const noexcept { return decoder_.in_head_request(); }
    std::size_t memory_size() const noexcept { return decoder_.memory_size(); }
    /// Those of RequestDecoder.
    const Request* arriving() const noexcept { return decoder_.arriving(); }
    std::string take_body() noexcept { return decoder_.take_body(); }
    /// Bytes that were read, ever.
    std::uint64_t received() const noexcept { return received_; }

  private:
    /// Whether there are new bytes.
    bool read(TurnBudget& budget);

    Transport& transport_;
    const int socket_;
    RequestDecoder decoder_;
    std::uint64_t received_ = 0;
    bool readable_ = false;
    bool end_received_ = false;
    bool over_ = false;
};

}  // namespace signalbox::http
