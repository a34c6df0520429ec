#pragma once

#include <cstddef>
#include <exception>
#include <future>
#include <memory>
#include <string>
#include <string_view>

#include "signalbox/async/deadline_timer.hpp"
#include "signalbox/http/server/active_request.hpp"
#include "signalbox/http/server/request_loop.hpp"
#include "signalbox/http/wire/request_decoder.hpp"
#include "signalbox/testing/response.hpp"

namespace signalbox::test {

/// What a connection would make of the request's bytes. Throws std::invalid_argument when the parts
/// make no one whole request.
http::Decoded decode_request(const http::ServerContext& server, std::string_view method,
                             std::string_view target, std::string_view body,
                             const Headers& headers);

/// One request and its answer: does for a request what a connection does, but that nothing is sent.
/// It lives from begin() until the promise is kept. For its loop's thread.
class Exchange final : public http::ActiveRequest::Owner {
  public:
    /// The client leaves a stream when it has this many pieces.
    static void begin(http::RequestLoop& loop, http::Decoded message, std::size_t pieces,
                      std::promise<Response> answered);

    void respond(http::Response&& response) override;
    void on_failure(const std::exception_ptr& error) noexcept override;
    void send_piece(const http::Response& response, http::Body piece) override;
    void on_held(std::size_t) override {}
    void end_stream(const http::Response& response) override;
    void cut_stream() noexcept override;

  private:
    Exchange(http::RequestLoop& loop, std::size_t pieces, std::promise<Response> answered);

    void take(std::unique_ptr<http::Request> request);
    void take(http::ExpectsContinue);
    void take(http::Refusal refusal);
    static void complete(http::Request& request);
    void send(const http::Response& response, bool head_only, bool keep_alive,
              std::string_view malformed_reason = {});
    void take_head(const http::Response& response, bool keep_alive);
    void watch();
    void end();

    http::RequestLoop& loop_;
    std::shared_ptr<Exchange> self_;
    context::Reference<http::ActiveRequest> request_;
    std::string_view malformed_reason_;  ///< of a message whose refusal the middleware is shown
    async::DeadlineTimer timer_;
    std::promise<Response> answered_;
    Response response_;
    bool streaming_ = false;
    std::size_t pieces_left_;  ///< until the client leaves
    std::exception_ptr failure_;
};

}  // namespace signalbox::test
