#pragma once

#include <unistd.h>

#include "signalbox/config/config.hpp"
#include "signalbox/observe/resource.hpp"

namespace signalbox::observe {

/// Has the process say in a last line of its log why it ends, when it cannot go on: an exception
/// that nobody catches, abort(3), or a signal such as SIGSEGV. It ends as it would have, with a
/// core dump where those are on.
///
/// The line is written at once and without memory of its own; lines that wait in the log's queue
/// are lost. Call it once. Under AddressSanitizer and ThreadSanitizer only exceptions are told of,
/// for these have something to say about signals.
void prepare_last_words(const Resource& resource, config::LogFormat format,
                        int descriptor = STDOUT_FILENO);

}  // namespace signalbox::observe
