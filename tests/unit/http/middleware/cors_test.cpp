#include "signalbox/http/middleware/cors.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

#include "signalbox/api/module.hpp"
#include "signalbox/testing/client.hpp"

namespace signalbox::http {
namespace {

using testing::HasSubstr;
using testing::Optional;
using testing::ThrowsMessage;
using Text = std::string_view;

async::Task<Response> hello() {
    Response response = json({{"hello", "you"}});
    response.headers = {{"vary", "Accept-Language"}, {"access-control-allow-origin", "handler"}};
    co_return response;
}

test::Client client(CorsOptions options) {
    api::Module module;
    module.get<hello>("/hello").add_middleware(cors(std::move(options)));
    return test::Client(module);
}

// What Starlette answers is compared in tests/fastapi; here is what it does not show.

TEST(Cors, replaces_what_a_handler_has_set_and_adds_to_its_vary) {
    test::Client its(client({.allow_origins = {"https://shop.example"}}));
    const auto response = its.get("/hello", {{"Origin", "https://shop.example"}});
    std::string all;
    for (const auto& [name, value] : response.headers) {
        if (name.find("ary") != name.npos || name.find("rigin") != name.npos)
            all.append(name).append(": ").append(value).append("\n");
    }
    EXPECT_EQ(all,
              "Access-Control-Allow-Origin: https://shop.example\n"
              "Vary: Accept-Language, Origin\n");
}

TEST(Cors, is_on_errors_of_the_server) {
    test::Client its(client({.allow_origins = {"*"}}));
    for (const char* const path : {"/hello", "/none"}) {
        for (const char* const method : {"GET", "DELETE", "FETCH"}) {
            const auto response = its.request(method, path, {}, {{"Origin", "https://a.example"}});
            EXPECT_TRUE(response.header("Access-Control-Allow-Origin")) << response;
        }
    }
}

TEST(Cors, refuses_what_would_allow_nobody) {
    const auto says = [](CorsOptions options, const char* text) {
        EXPECT_THAT([&] { cors(std::move(options)); },
                    ThrowsMessage<std::invalid_argument>(HasSubstr(text)));
    };
    says({.allow_origins = {"shop.example"}}, "'shop.example' is no origin");
    says({.allow_origins = {"https://"}}, "no origin");
    says({.allow_origins = {"https://shop.example/"}}, "more than scheme, host and port");
    says({.allow_origins = {"https://*.shop.example"}}, "allow_origin_regex");
    says({.allow_origins = {"https://Shop.example"}}, "capitals");
    says({.allow_origin_regex = "https://("}, "missing )");
    says({.allow_methods = {"GET, POST"}}, "allow_methods: 'GET, POST'");
    says({.allow_headers = {""}}, "allow_headers");
    says({.expose_headers = {"X:"}}, "expose_headers");
    says({.max_age = std::chrono::seconds(-1)}, "max_age");
    EXPECT_NO_THROW(cors({.allow_origins = {"null", "http://localhost:3000", "app://x"}}));
}

}  // namespace
}  // namespace signalbox::http
