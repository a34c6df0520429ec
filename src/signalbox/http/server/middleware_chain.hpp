#pragma once

#include <cstddef>
#include <exception>
#include <optional>
#include <utility>
#include <vector>

#include "signalbox/async/task.hpp"
#include "signalbox/context/request_context.hpp"
#include "signalbox/http/middleware.hpp"
#include "signalbox/http/route.hpp"

namespace signalbox::http {

/// One request's way through the middleware to what answers it, and back. For its loop's thread.
class MiddlewareChain {
  public:
    /// `at_once` is the answer where no handler makes it; the request has a route otherwise. All
    /// others outlive it.
    MiddlewareChain(const std::vector<Middleware>& middleware, context::RequestContext& context,
                    Request& request, std::optional<Response> at_once)
        : middleware_(middleware),
          context_(context),
          request_(request),
          at_once_(std::move(at_once)) {}
    MiddlewareChain(const MiddlewareChain&) = delete;
    MiddlewareChain& operator=(const MiddlewareChain&) = delete;

    /// The response that the client gets. Throws only when there is no memory for one.
    async::Task<Response> run();
    /// In its place, when its stream has thrown this before anything of it was sent: the answer to
    /// that goes the same way once more.
    async::Task<Response> answer_instead(std::exception_ptr thrown);

  private:
    /// From this one on.
    async::Task<Response> pass(std::size_t index, Request& request);
    async::Task<Response> answer(Request& request);

    const std::vector<Middleware>& middleware_;
    context::RequestContext& context_;
    Request& request_;
    std::optional<Response> at_once_;
    bool answered_ = false;
};

}  // namespace signalbox::http
