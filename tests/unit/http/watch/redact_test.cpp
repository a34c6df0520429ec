#include "signalbox/http/watch/redact.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace signalbox::http {
namespace {

std::string redact_query(std::string_view query) {
    return Redaction().query(query);
}

TEST(redact_query, hides_the_values_of_what_is_secret_by_its_name) {
    for (const std::string name : {"token",
                                   "access_token",
                                   "refresh-token",
                                   "id_token",
                                   "tokenizer",
                                   "secret",
                                   "client_secret",
                                   "password",
                                   "passwd",
                                   "passwort",
                                   "new_password",
                                   "passphrase",
                                   "signature",
                                   "X-Amz-Signature",
                                   "X-Amz-Credential",
                                   "api_key",
                                   "api-key",
                                   "apikey",
                                   "x-api-key",
                                   "AccessKeyId",
                                   "AWSAccessKeyId",
                                   "authorization",
                                   "session",
                                   "sessionid",
                                   "jwt",
                                   "sig",
                                   "pwd",
                                   "auth",
                                   "code"}) {
        EXPECT_EQ(redact_query(name + "=hunter2"), name + "=REDACTED");
        EXPECT_EQ(redact_query("a=1&" + name + "=hunter2&b=2"), "a=1&" + name + "=REDACTED&b=2");
    }
}

TEST(redact_query, hides_what_the_service_calls_its_secrets) {
    const Redaction redaction({"Voucher_No", "pin"});
    for (const std::string name :
         {"voucher_no", "VoucherNo", "voucher%2Dno", "pin", "PIN", "p-i-n"}) {
        EXPECT_EQ(redaction.query(name + "=hunter2"), name + "=REDACTED");
        EXPECT_EQ(redact_query(name + "=hunter2"), name + "=hunter2");
    }
    for (const std::string name : {"voucher", "opinion", "pins", "no"})
        EXPECT_EQ(redaction.query(name + "=1"), name + "=1") << "only whole names";
    EXPECT_EQ(redaction.query("token=hunter2"), "token=REDACTED");
}

TEST(Redaction, refuses_a_secret_without_a_name) {
    for (const std::string name : {"", "-", "__"})
        EXPECT_THROW(Redaction({"pin", name}), std::invalid_argument) << name;
}

TEST(redact_query, is_not_deceived_by_spelling) {
    for (const std::string name :
         {"TOKEN", "To_Ken", "t-o-k-e-n", "%74oken", "%54OKEN", "to%6Ben", "to%6ben",
          "%74%6f%6b%65%6e", "api%5Fkey", "api%2dkey", "%70%77%64", "s_i_g", "__auth__",
          // As a handler reads them: with an escape that is none, and a NUL byte.
          "%74oken%zz", "%74oken%00"}) {
        EXPECT_EQ(redact_query(name + "=hunter2"), name + "=REDACTED");
    }
}

TEST(redact_query, hides_a_secret_however_its_value_is_written) {
    const std::pair<std::string, std::string> cases[] = {
        {"token=", "token=REDACTED"},
        {"token==", "token=REDACTED"},
        {"token=a=b=c", "token=REDACTED"},
        {"token=a;b", "token=REDACTED"},
        {"token=%00%zz", "token=REDACTED"},
        {"token=a&token=b&token=c", "token=REDACTED&token=REDACTED&token=REDACTED"},
        {"token=a&&token=b", "token=REDACTED&&token=REDACTED"},
        {"&token=a&", "&token=REDACTED&"},
        {"token=\xff\xfe\"\\\n", "token=REDACTED"},
        {"?token=a", "?token=REDACTED"},
        {"filter[token]=a", "filter[token]=REDACTED"},
    };
    for (const auto& [query, expected] : cases)
        EXPECT_EQ(redact_query(query), expected);
    EXPECT_EQ(redact_query("token=" + std::string(100'000, 'x')), "token=REDACTED");
}

TEST(redact_query, leaves_everything_else_as_it_was_sent) {
    for (const std::string query : {"",
                                    "&",
                                    "&&&",
                                    "=",
                                    "==&=",
                                    "a",
                                    "a=",
                                    "=a",
                                    "a=1&b=2",
                                    "a=1&a=1",
                                    "q=token",
                                    "q=token%3Dx",
                                    "token",
                                    "token&a=1",
                                    "postcode=12345",
                                    "codec=h264",
                                    "authority=x",
                                    "pwds=1",
                                    "signal=1",
                                    "page=2&limit=10",
                                    "a=%20%zz%",
                                    "%=1",
                                    "%7=1",
                                    "%zz=1",
                                    "%00=1",
                                    "a=b=c",
                                    "na\xC3\xAFve=\xff",
                                    "caf%C3%A9=cr%C3%A8me",
                                    "passenger=1",
                                    "keyboard=1",
                                    "monkey=1"}) {
        EXPECT_EQ(redact_query(query), query);
    }
}

/// Made of parts of which the test knows whether they are secret.
TEST(redact_query, hides_all_that_is_secret_and_nothing_else_in_any_mix) {
    const std::vector<std::pair<std::string, std::string>> parts = {
        {"token=a", "token=REDACTED"},
        {"%74oken=b", "%74oken=REDACTED"},
        {"Api-Key=c=d", "Api-Key=REDACTED"},
        {"code=", "code=REDACTED"},
        {"a=1", "a=1"},
        {"token", "token"},
        {"", ""},
        {"=", "="},
        {"%zz=\xff", "%zz=\xff"},
        {"q=token", "q=token"},
    };
    std::mt19937 random(4711);
    for (int i = 0; i < 20'000; ++i) {
        std::string query, expected;
        for (std::size_t count = random() % 8; count > 0; --count) {
            const auto& [sent, logged] = parts[random() % parts.size()];
            query += sent;
            expected += logged;
            if (count > 1) {
                query += '&';
                expected += '&';
            }
        }
        ASSERT_EQ(redact_query(query), expected) << query;
    }
}

TEST(redact_query, takes_any_bytes) {
    std::mt19937 random(4711);
    for (int i = 0; i < 20'000; ++i) {
        std::string query(random() % 40, ' ');
        for (char& c : query)
            c = random() % 3 == 0 ? "&=%token_-"[random() % 10] : static_cast<char>(random() % 256);
        const std::string redacted = redact_query(query);
        ASSERT_EQ(std::count(redacted.begin(), redacted.end(), '&'),
                  std::count(query.begin(), query.end(), '&'));
        ASSERT_EQ(redact_query(redacted), redacted) << "what is hidden stays hidden";
        if (redacted.find("REDACTED") == std::string::npos) {
            ASSERT_EQ(redacted, query);
        }
    }
}

}  // namespace
}  // namespace signalbox::http
