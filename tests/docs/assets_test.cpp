// The files of Swagger UI and Redoc as they are served.

#include "signalbox/docs/assets.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "support/http_client.hpp"
#include "support/service.hpp"

namespace signalbox::test {
namespace {

using testing::StartsWith;

TEST(Assets, are_sent_in_the_form_that_the_client_takes) {
    const Service service(database_with_users(0));
    ASSERT_FALSE(docs::assets().empty());
    for (const docs::Asset& asset : docs::assets()) {
        const std::string url = service.url(asset.served_at);
        const auto compressed = send({.url = url, .headers = {"Accept-Encoding: br, gzip"}});
        EXPECT_EQ(compressed.header("content-encoding"), "gzip") << url;
        EXPECT_TRUE(compressed.body == asset.gzip) << url;
        // Twice, because what is inflated is kept.
        for (int i = 0; i < 2; ++i) {
            const auto plain = get(url);
            EXPECT_EQ(plain.header("content-encoding"), std::nullopt) << url;
            EXPECT_TRUE(plain.body == docs::inflate(asset.gzip)) << url;
            EXPECT_GT(plain.body.size(), 100U) << url;
        }
        for (const auto& response : {compressed, get(url)}) {
            EXPECT_EQ(response.status, 200) << url;
            EXPECT_THAT(response.header("content-type").value_or(""),
                        StartsWith(std::string(asset.content_type)));
            EXPECT_EQ(response.header("vary"), "Accept-Encoding");
            EXPECT_EQ(response.header("cache-control"), "public, max-age=31536000, immutable");
        }
    }
}

}  // namespace
}  // namespace signalbox::test
