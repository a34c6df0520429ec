#pragma once

#include "signalbox/context/request_context.hpp"

namespace signalbox::async {

/// A request that nothing but its references keeps.
struct CountedRequest final : context::RequestContext {
    explicit CountedRequest(bool& is_gone) : gone(is_gone) { request_id = "counted"; }
    ~CountedRequest() override { gone = true; }
    void unreferenced() noexcept override { delete this; }

    bool& gone;
};

}  // namespace signalbox::async
