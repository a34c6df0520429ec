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

using namespace std::string_literals;

std::string redact_query(std::string_view query) {
    return Redaction().query(query);
}

TEST(RedactQuery, hides_the_values_of_what_is_secret_by_its_name) {
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
                                   "code",
                                   "pass",
                                   "user_pass",
                                   "key",
                                   "privateKey",
                                   "private_key",
                                   "PRIVATEKEY",
                                   "ssh-key[0]",
                                   "otp",
                                   "otpCode",
                                   "OTPCode",
                                   "totp",
                                   "pin",
                                   "pin2",
                                   "userPin",
                                   "passcode",
                                   "pincode",
                                   "card",
                                   "card_number",
                                   "cardnumber",
                                   "creditCard",
                                   "cvv",
                                   "bearer",
                                   "sid",
                                   "passkey",
                                   "userpass",
                                   "pswd",
                                   "authkey",
                                   "authcode",
                                   "otpcode",
                                   "creditcard",
                                   "cardno",
                                   "PHPSESSID",
                                   "mfa",
                                   "pw",
                                   "psw",
                                   "code_verifier",
                                   "oauth_verifier",
                                   "device_code",
                                   "user_code",
                                   "verification_code",
                                   "client_assertion",
                                   "SAMLResponse",
                                   "ticket",
                                   "cookie",
                                   "pins",
                                   "keys",
                                   "cards[]"}) {
        EXPECT_EQ(redact_query(name + "=hunter2"), name + "=REDACTED");
        EXPECT_EQ(redact_query("a=1&" + name + "=hunter2&b=2"), "a=1&" + name + "=REDACTED&b=2");
    }
}

TEST(RedactQuery, hides_what_the_service_calls_its_secrets) {
    const Redaction redaction({"Voucher_No", "iban"});
    for (const std::string name :
         {"voucher_no", "VoucherNo", "voucher%2Dno", "iban", "IBAN", "i-b-a-n"}) {
        EXPECT_EQ(redaction.query(name + "=hunter2"), name + "=REDACTED");
        EXPECT_EQ(redact_query(name + "=hunter2"), name + "=hunter2");
    }
    for (const std::string name : {"voucher", "libanon", "ibans", "no"})
        EXPECT_EQ(redaction.query(name + "=1"), name + "=1") << "only whole names";
    EXPECT_EQ(redaction.query("token=hunter2"), "token=REDACTED");
}

TEST(Redaction, refuses_a_secret_without_a_name) {
    for (const std::string name : {"", "-", "__"})
        EXPECT_THROW(Redaction({"pin", name}), std::invalid_argument) << name;
}

TEST(RedactQuery, is_not_deceived_by_spelling) {
    for (const std::string name :
         {"TOKEN", "To_Ken", "t-o-k-e-n", "%74oken", "%54OKEN", "to%6Ben", "to%6ben",
          "%74%6f%6b%65%6e", "api%5Fkey", "api%2dkey", "%70%77%64", "s_i_g", "__auth__",
          // As a handler reads them: with an escape that is none, and a NUL byte.
          "%74oken%zz", "%74oken%00"}) {
        EXPECT_EQ(redact_query(name + "=hunter2"), name + "=REDACTED");
    }
}

TEST(RedactQuery, hides_a_secret_however_its_value_is_written) {
    const std::pair<std::string, std::string> cases[] = {
        {"token=", "token=REDACTED"},
        {"token==", "token=REDACTED"},
        {"token=a=b=c", "token=REDACTED"},
        {"token=a;b", "token=REDACTED"},
        {"token=a;b=c", "token=REDACTED"},
        {"a=1;token=b", "a=1;token=REDACTED"},
        {"a=1;token=b;c=2&d=3", "a=1;token=REDACTED&d=3"},
        {"a;b;%74oken=c", "a;b;%74oken=REDACTED"},
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

TEST(RedactQuery, leaves_everything_else_as_it_was_sent) {
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
                                    "a=1;b=2",
                                    ";;",
                                    "at=12:30",
                                    "next=https%3A%2F%2Fa.example%3A8080%2Fb%3Fpage%3D2",
                                    "passengers=2",
                                    "discard=1",
                                    "shipping=1",
                                    "pinned=1",
                                    "keynote=1",
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

TEST(RedactQuery, hides_what_is_secret_within_a_value) {
    for (const std::string value : {
             "https%3A%2F%2Fa%2F%3Ftoken%3Dhunter2",
             "https://a/?token=hunter2",
             "%2Fcallback%3Fa%3D1%26access_token%3Dhunter2",
             "https%253A%252F%252Fa%252F%253Ftoken%253Dhunter2",
             "https%25253A%25252F%25252Fa%25252F%25253Ftoken%25253Dhunter2",
             "%7B%22password%22%3A%22hunter2%22%7D",
             "%7B%22password%22%20%3A%20%22hunter2%22%7D",
             "%5C%22apiKey%5C%22%3Ahunter2",
             "https%3A%2F%2Fme%3Ahunter2%40a%2F",
             "postgresql://me:hunter2@db/x",
             "Bearer+hunter2",
             "bearer%20hunter2",
         }) {
        EXPECT_EQ(redact_query("next=" + value), "next=REDACTED");
        EXPECT_EQ(redact_query("a=1&next=" + value + "&b=2"), "a=1&next=REDACTED&b=2");
    }
    EXPECT_EQ(redact_query("token%3Dhunter2"), "REDACTED") << "its sign encoded";
    EXPECT_EQ(redact_query("a=1&b%3D1%26token%3Dhunter2"), "a=1&REDACTED");
    std::string encoded = "token%3Dhunter2";
    for (int i = 0; i < 100; ++i)
        encoded.replace(encoded.find('%'), 1, "%25");
    EXPECT_EQ(redact_query("next=" + encoded), "next=REDACTED") << "or whatever it is";
}

std::string redact_path(const Redaction& redaction, std::string_view path) {
    std::string redacted;
    return std::string(redaction.path(path, redacted));
}

TEST(RedactPath, hides_segments_behind_a_pattern) {
    const Redaction redaction({},
                              *parse_secret_paths("/reset/{token},/t/{a}/users/{b}/mail,/x/{}"));
    const std::pair<std::string, std::string> cases[] = {
        {"/reset/hunter2", "/reset/REDACTED"},
        {"/reset/hunter2/now", "/reset/REDACTED"},
        {"/reset/hun/ter2", "/reset/REDACTED"},
        {"//reset/hunter2", "/reset/REDACTED"},
        {"///reset/hunter2", "/reset/REDACTED"},
        {"//resets/hunter2", "//resets/hunter2"},
        {"/reset/", "/reset/"},
        {"/reset", "/reset"},
        {"/resets/hunter2", "/resets/hunter2"},
        {"/a/reset/hunter2", "/a/reset/hunter2"},
        {"/t/1/users/2/mail/3", "/t/REDACTED/users/REDACTED/mail/3"},
        {"/t/1/users/2", "/t/1/users/2"},
        {"/x/y", "/x/REDACTED"},
        {"/", "/"},
        {"", ""},
        {"*", "*"},
    };
    for (const auto& [path, expected] : cases)
        EXPECT_EQ(redact_path(redaction, path), expected);
}

TEST(RedactPath, hides_parameters_of_routes_that_are_secret_by_their_names) {
    Redaction redaction;
    for (const char* route : {"/invitations/{token}", "/users/{id}", "/orgs/{org}/keys/{api_key}"})
        redaction.expect(route);
    EXPECT_EQ(redact_path(redaction, "/invitations/hunter2"), "/invitations/REDACTED");
    EXPECT_EQ(redact_path(redaction, "/users/7"), "/users/7");
    EXPECT_EQ(redact_path(redaction, "/orgs/1/keys/hunter2"), "/orgs/1/keys/REDACTED");
}

TEST(RedactPath, hides_parameters_within_a_path) {
    const Redaction redaction;
    EXPECT_EQ(redact_path(redaction, "/a;jsessionid=hunter2/b"), "/a;jsessionid=REDACTED/b");
    EXPECT_EQ(redact_path(redaction, "/a?b=1&token=hunter2"), "/a?b=1&token=REDACTED");
    EXPECT_EQ(redact_path(redaction, "//a=b//c=d/"), "//a=b//c=d/");
}

TEST(RedactPath, hides_json_within_a_path_from_a_secret_on) {
    const Redaction redaction;
    EXPECT_EQ(redact_path(redaction, R"(/find/{"name":"a","token":"x/y"}/b)"), "/find/REDACTED");
    EXPECT_EQ(redact_path(redaction, R"({"password": "x"})"), "REDACTED");
    EXPECT_EQ(redact_path(redaction, R"(/find/{"name":"a/b"}/c)"), R"(/find/{"name":"a/b"}/c)");
    EXPECT_EQ(redact_path(redaction, R"(/say/"token"/b)"), R"(/say/"token"/b)");
}

TEST(RedactQuery, hides_a_secret_path_within_a_value) {
    Redaction redaction({}, *parse_secret_paths("/reset/{token},/{any}/{thing}"));
    redaction.expect("/invitations/{token}/take");
    for (const std::string value :
         {"/reset/hunter2", "/app/reset/hunter2?x=1", "https://shop.example/reset/hunter2",
          "https%3A%2F%2Fshop.example%2Freset%2Fhunter2", "/invitations/hunter2/take",
          "%252Freset%252Fhunter2", "see+/reset/hunter2+now"}) {
        EXPECT_EQ(redaction.query("next=" + value + "&a=1"), "next=REDACTED&a=1") << value;
    }
    for (const std::string value : {"/reset/", "/resets/hunter2", "/orders/17/reset", "/reset"})
        EXPECT_EQ(redaction.query("next=" + value), "next=" + value);
}

TEST(SecretPath, refuses_a_pattern_that_is_none) {
    for (const char* pattern : {"reset/{token}", "/reset/token", "/reset//{token}",
                                "/reset/{token}/", "/reset/x{token}", "/", "{token}"}) {
        EXPECT_FALSE(SecretPath::parse(pattern)) << pattern;
    }
    EXPECT_FALSE(parse_secret_paths("/a/{b},"s + ",")) << "an empty one";
    EXPECT_TRUE(parse_secret_paths(""));
}

/// Made of parts of which the test knows whether they are secret.
TEST(RedactQuery, hides_all_that_is_secret_and_nothing_else_in_any_mix) {
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
        {"q=token%3Da", "q=REDACTED"},
        {"a=1;pin=2;b", "a=1;pin=REDACTED"},
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

TEST(RedactQuery, hides_what_it_does_not_look_at) {
    std::string many;
    for (int i = 0; i < 600; ++i)
        many += "a:";
    EXPECT_EQ(redact_query("u=" + many + "&b=1"), "u=REDACTED&b=REDACTED");
    many.resize(200);
    EXPECT_EQ(redact_query("u=" + many + "&b=1"), "u=" + many + "&b=1");
}

TEST(RedactQuery, hides_a_value_whose_end_is_cut_off_unless_it_is_a_word) {
    const Redaction redaction;
    EXPECT_EQ(redaction.query("a=1&b=https://ada:secr", true), "a=1&b=REDACTED");
    EXPECT_EQ(redaction.query("a=1;b=%7B%22x", true), "a=1;b=REDACTED");
    EXPECT_EQ(redaction.query("a=%20&b=plain-text.1", true), "a=%20&b=plain-text.1");
    EXPECT_EQ(redaction.query("a=1&wor", true), "a=1&wor");
    EXPECT_EQ(redaction.query("a=1&b=%", false), "a=1&b=%");
}

TEST(RedactPath, hides_a_secret_whose_pattern_is_cut_off) {
    const Redaction redaction({}, {*SecretPath::parse("/reset/{token}/confirm")});
    std::string place;
    EXPECT_EQ(redaction.path("/reset/abc", place, true), "/reset/REDACTED");
    EXPECT_EQ(redaction.path("/reset/abc/conf", place, true), "/reset/REDACTED/conf");
    EXPECT_EQ(redaction.path("/reset/abc/other", place, true), "/reset/abc/other");
    EXPECT_EQ(redaction.path("/reset/abc", place, false), "/reset/abc");

    Redaction of_routes;
    of_routes.expect("/things/{id}/{token}");
    of_routes.expect("/things/{token}");
    EXPECT_EQ(of_routes.path("/things/abc", place, true), "/things/REDACTED");
}

TEST(RedactQuery, takes_any_bytes) {
    std::mt19937 random(4711);
    for (int i = 0; i < 20'000; ++i) {
        std::string query(random() % 40, ' ');
        for (char& c : query)
            c = random() % 3 == 0 ? "&=%;token_-"[random() % 11]
                                  : static_cast<char>(random() % 256);
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
