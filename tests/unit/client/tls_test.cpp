#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "signalbox/client/http_client.hpp"
#include "signalbox/testing/run.hpp"
#include "signalbox/testing/spawn.hpp"
#include "support/eventually.hpp"

namespace signalbox::client {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

std::string text_of(const std::filesystem::path& file) {
    std::ifstream in(file);
    return {std::istreambuf_iterator<char>(in), {}};
}

/// Two authorities and a server with a certificate for `shop.example` of the one, made by openssl.
class CallsByTls : public testing::Test {
  protected:
    CallsByTls() {
        std::string folder = (std::filesystem::temp_directory_path() / "signalbox-tls-XXXXXX");
        if (::mkdtemp(folder.data()) == nullptr) throw std::runtime_error("no folder");
        folder_ = folder;
        make_authority("ca");
        make_authority("other");
        make_certificate("server", "subjectAltName=DNS:shop.example");
        make_certificate("client", "keyUsage=digitalSignature");
    }
    ~CallsByTls() override {
        if (server_ > 0) {
            ::kill(server_, SIGKILL);
            test::wait_for_exit(server_, 20s);
        }
        std::filesystem::remove_all(folder_);
    }

    std::string file(const std::string& name) const { return folder_ / name; }

    /// Answers every request with 200 and a page.
    void serve(std::vector<std::string> more = {}) {
        std::vector<std::string> arguments{
            "/usr/bin/openssl", "s_server", "-accept",          "127.0.0.1:0", "-cert",
            file("server.pem"), "-key",     file("server.key"), "-www"};
        arguments.insert(arguments.end(), more.begin(), more.end());
        test::SpawnOptions options;
        options.arguments = std::move(arguments);
        options.output = file("log");
        options.dies_with_caller = true;
        server_ = test::spawn(options);
        const bool listens = test::eventually([this] {
            const std::string log = text_of(file("log"));
            const auto at = log.find("ACCEPT 127.0.0.1:");
            if (at == std::string::npos || log.find('\n', at) == std::string::npos) return false;
            port_ = std::stoi(log.substr(at + 17));
            return true;
        });
        if (!listens) throw std::runtime_error("openssl s_server: " + text_of(file("log")));
    }

    HttpClientOptions options(const std::string& ca = "ca") const {
        HttpClientOptions options;
        if (!ca.empty()) options.ca_file = file(ca + ".pem");
        options.retries = 0;
        options.look_up = [](const std::string&) { return std::vector<std::string>{"127.0.0.1"}; };
        return options;
    }
    int get(HttpClientOptions options, const std::string& host = "shop.example") const {
        HttpClient http(std::move(options));
        return test::run(http.get("https://" + host + ":" + std::to_string(port_) + "/")).status;
    }
    std::string refusal(HttpClientOptions options, const std::string& host = "shop.example") const {
        try {
            get(std::move(options), host);
        } catch (const Unreachable& error) {
            return error.what();
        }
        return "it was answered";
    }

  private:
    void openssl(std::vector<std::string> arguments) const {
        arguments.insert(arguments.begin(), "/usr/bin/openssl");
        test::SpawnOptions options;
        options.arguments = std::move(arguments);
        options.output = file("openssl");
        test::run_program(options);
    }
    void make_authority(const std::string& name) const {
        openssl({"req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
                 "-nodes", "-days", "2", "-subj", "/CN=" + name, "-keyout", file(name + ".key"),
                 "-out", file(name + ".pem")});
    }
    void make_certificate(const std::string& name, const std::string& extension) const {
        openssl({"req",
                 "-x509",
                 "-newkey",
                 "ec",
                 "-pkeyopt",
                 "ec_paramgen_curve:prime256v1",
                 "-nodes",
                 "-days",
                 "2",
                 "-subj",
                 "/CN=" + name,
                 "-addext",
                 extension,
                 "-addext",
                 "basicConstraints=critical,CA:FALSE",
                 "-CA",
                 file("ca.pem"),
                 "-CAkey",
                 file("ca.key"),
                 "-keyout",
                 file(name + ".key"),
                 "-out",
                 file(name + ".pem")});
    }

    std::filesystem::path folder_;
    pid_t server_ = 0;
    int port_ = 0;
};

TEST_F(CallsByTls, trust_the_authority_that_they_are_told) {
    serve();
    EXPECT_EQ(get(options()), 200);
}

TEST_F(CallsByTls, trust_nobody_else) {
    serve();
    EXPECT_THAT(refusal(options("other")), HasSubstr("certificate"));
    EXPECT_THAT(refusal(options("")), HasSubstr("certificate")) << "by default";
    EXPECT_THAT(refusal(options(), "other.example"), HasSubstr("other.example"));
    EXPECT_THAT(refusal(options(), "127.0.0.1"), HasSubstr("127.0.0.1"));
    auto blind = options("");
    blind.verify_tls = false;
    EXPECT_EQ(get(blind, "other.example"), 200);
}

TEST_F(CallsByTls, say_who_they_are_with_a_certificate) {
    serve({"-Verify", "1", "-verify_return_error", "-CAfile", file("ca.pem")});
    auto known = options();
    known.certificate_file = file("client.pem");
    known.key_file = file("client.key");
    EXPECT_EQ(get(known), 200);
    EXPECT_THROW(get(options()), Error);
}

TEST_F(CallsByTls, are_not_begun_by_a_client_whose_files_are_not_there) {
    auto missing = options();
    missing.ca_file = file("none.pem");
    try {
        const HttpClient http(missing);
        FAIL();
    } catch (const std::system_error& error) {
        EXPECT_THAT(error.what(), HasSubstr("cannot read " + file("none.pem")));
    }
}

}  // namespace
}  // namespace signalbox::client
