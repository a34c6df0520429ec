#include "signalbox/http/server/request_headers.hpp"

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <string_view>

namespace signalbox::http {
namespace {

std::optional<std::string> request_id_for(std::string_view sent) {
    Request request;
    request.headers.push_back({"X-Request-Id", sent});
    const auto id = request_id_of(request);
    return id ? std::optional<std::string>(*id) : std::nullopt;
}

TEST(RequestId, of_the_client_is_kept_when_it_is_safe) {
    const std::string longest(128, 'x');
    for (const std::string& id : {std::string("a"), std::string("4bf9-2f_~:/+=@.Z"), longest}) {
        EXPECT_EQ(request_id_for(id), id);
    }
}

TEST(RequestId, of_the_client_is_not_taken_when_it_is_missing_or_not_safe) {
    const std::string too_long(129, 'x');
    for (const std::string& id : {std::string(), too_long, std::string("a b"), std::string("a\"b"),
                                  std::string("a\\b"), std::string("<a>"), std::string("a,b"),
                                  std::string("\xc3\xa9"), std::string("${jndi}")}) {
        EXPECT_EQ(request_id_for(id), std::nullopt) << id;
    }
    EXPECT_EQ(request_id_of({}), std::nullopt);
}

}  // namespace
}  // namespace signalbox::http
