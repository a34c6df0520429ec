#include "support/browser.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <system_error>

#include "signalbox/fast/json_string.hpp"
#include "signalbox/testing/spawn.hpp"
#include "support/eventually.hpp"
#include "support/files.hpp"
#include "support/http_client.hpp"

namespace signalbox::test {

namespace fs = std::filesystem;

namespace {

constexpr auto driver_program = "/usr/bin/chromedriver";
constexpr auto browser_program = "/usr/bin/chromium";

/// The driver dies with the test, and through this the browser with the driver. Chromium's helpers
/// end when the browser does.
constexpr auto launcher = R"sh(#!/bin/sh
exec setpriv --pdeathsig KILL -- )sh";

constexpr const char* flags[] = {"--headless=new",
                                 "--no-sandbox",  // it refuses to run as root with one
                                 "--disable-gpu",
                                 "--disable-dev-shm-usage",  // containers have little of it
                                 "--disable-crash-reporter",
                                 "--disable-background-networking",
                                 "--disable-component-update",
                                 "--disable-default-apps",
                                 "--disable-extensions",
                                 "--disable-quic",
                                 "--disable-sync",
                                 "--no-default-browser-check",
                                 "--no-first-run"};

std::string decode_base64(std::string_view text) {
    constexpr std::string_view alphabet =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    std::string bytes;
    unsigned bits = 0;
    int count = 0;
    for (const char c : text.substr(0, text.find('='))) {
        bits = (bits << 6) | static_cast<unsigned>(alphabet.find(c));
        count += 6;
        if (count < 8) continue;
        count -= 8;
        bytes += static_cast<char>((bits >> count) & 0xff);
    }
    return bytes;
}

}  // namespace

Browser::Browser() {
    for (const char* program : {driver_program, browser_program}) {
        if (::access(program, X_OK) == 0) continue;
        throw std::runtime_error(std::string(program) +
                                 " is missing; `make test` installs it, and so does "
                                 "`scripts/setup chromium chromium-driver fonts-dejavu-core`");
    }
    folder_ = new_folder("browser");
    try {
        start_driver();
        start_browser();
    } catch (...) {
        end();
        throw;
    }
}

Browser::~Browser() {
    try {
        send({.url = session_, .method = "DELETE"});
    } catch (const std::runtime_error&) {  // it is ended all the same
    }
    end();
}

void Browser::start_driver() {
    SpawnOptions options;
    options.directory = folder_;
    options.output = folder_ / "log";
    options.environment = {"HOME=" + folder_.string(), "TMPDIR=" + folder_.string()};
    options.dies_with_caller = true;
    std::string text;
    bool started = false;
    bool ended = false;
    // A port of its own choice it names wrongly where there is no IPv6.
    options.arguments = {driver_program, "--port=" + port_.text()};
    driver_ = spawn(options);
    const auto settled = [&] {
        ended = wait_for_exit(driver_, std::chrono::milliseconds(0)).has_value();
        text = read_file(options.output);
        started = !ended && text.find("started successfully") != std::string::npos;
        return ended || started;
    };
    eventually(settled, std::chrono::seconds(60));
    if (ended) driver_ = 0;
    if (!started) throw std::runtime_error("chromedriver did not start: " + text);
    session_ = "http://127.0.0.1:" + port_.text();
}

void Browser::start_browser() {
    const fs::path program = folder_ / "chromium";
    std::ofstream(program) << launcher << browser_program << " \"$@\"\n";
    fs::permissions(program, fs::perms::owner_all);
    std::string arguments = json_string("--user-data-dir=" + (folder_ / "profile").string());
    for (const char* flag : flags)
        arguments.append(",").append(json_string(flag));
    const auto session =
        command("POST", "/session",
                fmt::format(R"({{"capabilities":{{"alwaysMatch":{{"timeouts":{{"script":55000}},)"
                            R"("goog:loggingPrefs":{{"browser":"ALL"}},)"
                            R"("goog:chromeOptions":{{"binary":{},"args":[{}]}}}}}}}})",
                            json_string(program.string()), arguments));
    session_ += std::string("/session/") + session["sessionId"].GetString();
}

void Browser::end() {
    if (driver_ > 0) {
        ::kill(-driver_, SIGKILL);  // its process group: the browser, too
        wait_for_exit(driver_, std::chrono::seconds(10));
    }
    std::error_code ignored;
    fs::remove_all(folder_, ignored);
}

rapidjson::Document Browser::command(const std::string& method, const std::string& path,
                                     const std::string& body) {
    const auto response = send({.url = session_ + path,
                                .method = method,
                                .headers = {"Content-Type: application/json"},
                                .body = body});
    rapidjson::Document answer;
    answer.Parse(response.body.data(), response.body.size());
    if (answer.HasParseError() || !answer.IsObject() || !answer.HasMember("value")) {
        throw std::runtime_error("chromedriver, " + path + ": " + response.body);
    }
    if (response.status != 200) {
        const auto& error = answer["value"];
        throw std::runtime_error("chromedriver, " + path + ": " +
                                 (error.IsObject() && error.HasMember("message")
                                      ? error["message"].GetString()
                                      : response.body.c_str()));
    }
    rapidjson::Document value;
    value.CopyFrom(answer["value"], value.GetAllocator());
    return value;
}

void Browser::open(const std::string& url) {
    command("POST", "/url", fmt::format(R"({{"url":{}}})", json_string(url)));
}

rapidjson::Document Browser::execute(std::string_view script) {
    return command("POST", "/execute/sync",
                   fmt::format(R"({{"script":{},"args":[]}})", json_string(script)));
}

void Browser::devtools(std::string_view method, std::string_view parameters) {
    command("POST", "/goog/cdp/execute",
            fmt::format(R"({{"cmd":{},"params":{}}})", json_string(method), parameters));
}

void Browser::set_size(int width, int height) {
    devtools("Emulation.setDeviceMetricsOverride",
             fmt::format(R"({{"width":{},"height":{},"deviceScaleFactor":1,"mobile":false}})",
                         width, height));
}

void Browser::set_media(const std::string& feature, const std::string& value) {
    devtools("Emulation.setEmulatedMedia",
             fmt::format(R"({{"features":[{{"name":{},"value":{}}}]}})", json_string(feature),
                         json_string(value)));
}

std::vector<std::string> Browser::console_errors() {
    const auto entries = command("POST", "/se/log", R"({"type":"browser"})");
    std::vector<std::string> errors;
    for (const auto& entry : entries.GetArray()) {
        if (std::string_view(entry["level"].GetString()) == "SEVERE") {
            errors.emplace_back(entry["message"].GetString());
        }
    }
    return errors;
}

void Browser::save_screenshot(const fs::path& file) {
    const auto image = command("GET", "/screenshot");
    std::ofstream(file, std::ios::binary) << decode_base64(image.GetString());
}

}  // namespace signalbox::test
