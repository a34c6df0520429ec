#pragma once

#include <array>
#include <string_view>

/// Values of `error.type`, in metrics and in the log, that say whose doing it was that a request
/// got no proper answer. What is wrong with a malformed request, and what the database could not
/// do, has names of its own where it is found.
namespace signalbox::context::error_types {

/// The client closed the connection before it had its answer.
inline constexpr std::string_view client_gone = "client_gone";
/// The time that the client gave (`Request-Timeout`) has passed.
inline constexpr std::string_view client_deadline = "client_deadline";
/// The time that the service gives itself has passed.
inline constexpr std::string_view deadline = "deadline";
/// The client took nothing of its answer for --timeout-write.
inline constexpr std::string_view write_timeout = "write_timeout";
/// A stream failed when its response had begun, so that the rest is missing.
inline constexpr std::string_view stream_failed = "stream_failed";
/// The client took its stream so slowly that others had to wait for what the stream holds.
inline constexpr std::string_view slow_client = "slow_client";
/// All clients together made the service hold more than --limit-buffered, and this one had to go.
inline constexpr std::string_view limit_buffered = "limit_buffered";
/// All connections that there may be were taken, and this one waited for its client: it had to go
/// for a new one, of the address that has the most first.
inline constexpr std::string_view limit_connections = "limit_connections";
/// The connection's own code failed, as for want of memory.
inline constexpr std::string_view connection_failed = "connection_failed";
/// The disk has no room for a body that goes to a file, or fails.
inline constexpr std::string_view upload_disk = "upload_disk";
inline constexpr std::string_view shutdown = "shutdown";

/// A client can cause these at will, so they are no failures of the service.
inline constexpr std::array of_the_client{client_gone, client_deadline, write_timeout, slow_client,
                                          limit_connections};
/// The service's failures, whatever status the answer began with.
inline constexpr std::array of_an_answer_that_was_cut{limit_buffered, connection_failed, shutdown,
                                                      stream_failed};

}  // namespace signalbox::context::error_types
