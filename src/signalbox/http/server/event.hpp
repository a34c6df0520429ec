#pragma once

#include <memory>
#include <variant>

#include "signalbox/http/wire/request_decoder.hpp"

namespace signalbox::http {

class Connection;

/// Pistache reads from it now. Always the first.
struct Opened {};

/// Only part of a message has arrived; its timeout starts.
struct PartialMessage {
    RequestDecoder::Phase phase;
    std::unique_ptr<Request> head;  ///< a copy, as soon as it is complete
};

/// The client sent all it will send, or is gone: a TCP end of stream or reset says no more.
struct EndOfInput {};

/// What the HTTP thread tells a connection's event loop, in the order in which it happened. All of
/// it comes from that thread: asio keeps the order of what one thread posts, not of several.
struct InputEvent {
    std::shared_ptr<Connection> connection;
    std::variant<Opened, std::unique_ptr<Request>, ExpectsContinue, Refusal, PartialMessage,
                 EndOfInput>
        what;
};

}  // namespace signalbox::http
