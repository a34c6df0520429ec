#pragma once

#include <rapidjson/document.h>
#include <sys/types.h>

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "signalbox/testing/held_port.hpp"

namespace signalbox::test {

/// A real Chromium without a window, with a profile of its own, driven by WebDriver. It and all its
/// helpers end with this object, and with the test process however that dies.
///
/// Everything throws std::runtime_error with the browser's words when it does not work; also when
/// there is no browser, because a page that no browser has seen is not tested.
class Browser {
  public:
    Browser();
    ~Browser();
    Browser(const Browser&) = delete;
    Browser& operator=(const Browser&) = delete;

    /// Returns when the page has loaded.
    void open(const std::string& url);
    /// Runs the body of a function in the page and returns what it returns, or what its promise
    /// becomes, within 55 s.
    rapidjson::Document execute(std::string_view script);

    /// The part of the window that shows the page, in CSS pixels.
    void set_size(int width, int height);
    /// For instance `prefers-color-scheme`, `dark`. The feature that was set before is reset.
    void set_media(const std::string& feature, const std::string& value);

    /// What the console has got since the last call: errors only.
    std::vector<std::string> console_errors();
    /// What is to be seen, as a PNG file.
    void save_screenshot(const std::filesystem::path& file);

  private:
    rapidjson::Document command(const std::string& method, const std::string& path,
                                const std::string& body = "{}");
    void devtools(std::string_view method, std::string_view parameters);
    void start_driver();
    void start_browser();
    void end();

    std::filesystem::path folder_;
    const HeldPort port_;  ///< the driver's
    pid_t driver_ = 0;
    std::string session_;  ///< URL of the driver, and of the session once there is one
};

}  // namespace signalbox::test
