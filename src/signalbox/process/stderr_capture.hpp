#pragma once

#include <functional>
#include <string_view>

namespace signalbox::process {

/// Takes what libraries print to C's `stderr` on the thread that made it, for as long as it lives.
/// libpq prints what a server says while it is connected to, and what is wrong with a password
/// file, before there is anything that it could be told by to do otherwise.
///
/// What other threads print, and std::cerr, goes where it went. Captures of one thread nest.
class StderrCapture {
  public:
    /// A message in one line: those that it had are joined by `; `. On the thread that made it.
    using Take = std::function<void(std::string_view message)>;

    explicit StderrCapture(Take take);
    ~StderrCapture();
    StderrCapture(const StderrCapture&) = delete;
    StderrCapture& operator=(const StderrCapture&) = delete;

  private:
    friend struct StderrCookie;

    const Take take_;
    StderrCapture* const outer_;
};

}  // namespace signalbox::process
