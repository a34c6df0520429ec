#include "signalbox/http/wire/head.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

namespace signalbox::http {
namespace {

using namespace std::string_literals;

/// What a head was taken for. The request is not moved, because its views look into itself.
struct Checked {
    std::unique_ptr<Request> request = std::make_unique<Request>();
    Framing framing;
    Malformed problem;
};

Checked check(std::string_view head) {
    Checked checked;
    checked.request->head = head;
    checked.problem = check_head(*checked.request, checked.framing);
    return checked;
}

Checked check_line(std::string_view request_line) {
    return check(std::string(request_line) + "\r\nHost: a\r\n");
}

/// A GET with a Host and these lines.
Checked check_fields(std::string_view lines, std::string_view version = "HTTP/1.1") {
    return check("GET / " + std::string(version) + "\r\nHost: a\r\n" + std::string(lines));
}

struct Refused {
    std::string head;
    int status;
    std::string reason;
};

void PrintTo(const Refused& refused, std::ostream* out) {
    *out << testing::PrintToString(refused.head);
}

class RefusedHead : public testing::TestWithParam<Refused> {};

TEST_P(RefusedHead, has_its_status_and_reason) {
    const Checked checked = check(GetParam().head);
    EXPECT_EQ(checked.problem.status, GetParam().status);
    EXPECT_EQ(checked.problem.reason, GetParam().reason);
}

std::vector<Refused> refused_request_lines() {
    const std::string host = "\r\nHost: a\r\n";
    std::vector<Refused> all;
    for (const auto& line :
         {""s, "GET"s, "GET /"s, "GET HTTP/1.1"s, "GET / HTTP/1.1 "s, "GET / HTTP/1"s,
          "GET / HTTP/11"s, "GET / HTTP/1.1.1"s, "GET / HTTP/1.x"s, "GET / HTTP/x.1"s,
          "GET / http/1.1"s, "GET / HTTP/1,1"s, "GET / FTTP/1.1"s, "GET / HTTP/1.1\r"s,
          "GET\t/\tHTTP/1.1"s}) {
        all.push_back({line + host, 400, "request_line"});
    }
    for (const auto& line : {" GET / HTTP/1.1"s, "G@T / HTTP/1.1"s, "G\x01T / HTTP/1.1"s,
                             "G(T) / HTTP/1.1"s, "G\0T / HTTP/1.1"s, "GET: / HTTP/1.1"s}) {
        all.push_back({line + host, 400, "method"});
    }
    for (const auto& target : {"users"s,
                               "a.example:80"s,
                               "ftp://a/"s,
                               "http:///"s,
                               "http://"s,
                               "http://a b/"s,
                               "http://user@a/"s,
                               "http://a:port/"s,
                               "http://[::1/"s,
                               "://a/"s,
                               "*"s,
                               "/a b"s,
                               " /"s,
                               "/ "s,
                               "/a\tb"s,
                               "/a\x7f"s,
                               "/a\x01"s,
                               "/a\0b"s,
                               "/caf\xc3\xa9"s,
                               "/caf\xc3\xa9?a"s,
                               "/a?caf\xc3\xa9#b"s,
                               "/a?caf\xc3\xa9\x01"s,
                               "http://caf\xc3\xa9/?a"s,
                               "/a#b"s,
                               "/a\rb"s,
                               "http://:80/"s}) {
        all.push_back({"GET " + target + " HTTP/1.1" + host, 400, "target"});
    }
    for (const auto& target : {"/%"s, "/%4"s, "/%zz"s, "/%00"s, "/a%2"s, "http://a/%"s}) {
        all.push_back({"GET " + target + " HTTP/1.1" + host, 400, "percent_encoding"});
    }
    for (const auto& target : {"a"s, ":80"s, "a:b"s, "a:80/"s, "*"s, "user@a:80"s})
        all.push_back({"CONNECT " + target + " HTTP/1.1" + host, 400, "target"});
    for (const auto& target : {"a:80"s, "a.example:443"s, "[::1]:80"s, "127.0.0.1:80"s})
        all.push_back({"CONNECT " + target + " HTTP/1.1" + host, 501, "connect"});
    for (const auto& version : {"HTTP/0.9"s, "HTTP/2.0"s, "HTTP/3.0"s, "HTTP/9.9"s}) {
        all.push_back({"GET / " + version + host, 505, "version"});
    }
    return all;
}

INSTANTIATE_TEST_SUITE_P(request_line, RefusedHead, testing::ValuesIn(refused_request_lines()));

std::vector<Refused> refused_fields() {
    std::vector<Refused> all;
    const auto add = [&all](const std::string& lines, int status, const std::string& reason) {
        all.push_back({"GET / HTTP/1.1\r\nHost: a\r\n" + lines, status, reason});
    };
    for (const auto& line :
         {"Name"s, ": value"s, "Na me: value"s, "Name : value"s, "Name\t: value"s, "N\0me: value"s,
          "Näme: value"s, "Name(): value"s, "\"Name\": value"s, "Name: a\rb"s, "Name: a\nb"s,
          "Name: a\0b"s, "Name: a\x01"s, "Name: \x7f"s, "Name: a\x1b[0m"s, "Name\r: a"s}) {
        add(line + "\r\n", 400, "header");
    }
    add("Name: a\r\n b\r\n", 400, "header");   // obs-fold
    add("Name: a\r\n\tb\r\n", 400, "header");  // obs-fold
    add("Name: a\r\n \r\n", 400, "header");
    add("Name: a\r\n b: c\r\n", 400, "header");
    add("\r\nName: a\r\n", 400, "header");
    for (const auto& length :
         {""s, " "s, "+1"s, "-1"s, "0x10"s, "1 0"s, "1,2"s, "1, 1"s, "1.0"s, "ten"s, "1e3"s,
          "18446744073709551616"s, "99999999999999999999999"s, "1\x0b"s.substr(0, 1) + ";"s}) {
        add("Content-Length: " + length + "\r\n", 400, "content_length");
    }
    add("Content-Length: 1\r\nContent-Length: 2\r\n", 400, "content_length");
    add("Content-Length: 1\r\ncontent-length: 1\r\nCONTENT-LENGTH: 0\r\n", 400, "content_length");
    add("Content-Length: 0\r\nContent-Length: 2\r\n", 400, "content_length");
    add("Content-Length: 3\r\nTransfer-Encoding: chunked\r\n", 400, "framing");
    add("Transfer-Encoding: chunked\r\nContent-Length: 3\r\n", 400, "framing");
    add("Transfer-Encoding: chunked\r\nContent-Length: 0\r\n", 400, "framing");
    for (const auto& lines :
         {"Transfer-Encoding: chunked, chunked\r\n"s, "Transfer-Encoding: chunked, gzip\r\n"s,
          "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"s,
          "Transfer-Encoding: chunked\r\nTransfer-Encoding: gzip\r\n"s, "Transfer-Encoding:\r\n"s,
          "Transfer-Encoding: ,\r\n"s}) {
        add(lines, 400, "transfer_encoding");
    }
    for (const auto& coding : {"gzip"s, "gzip, chunked"s, "identity"s, "xchunked"s, "chunkedx"s,
                               "chunked;q=1"s, "\"chunked\""s, "chunked gzip"s}) {
        add("Transfer-Encoding: " + coding + "\r\n", 501, "transfer_coding");
    }
    add("Expect: 200-ok\r\n", 417, "expectation");
    add("Expect: 100-continue, else\r\n", 417, "expectation");

    all.push_back({"GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n", 400, "transfer_encoding"});
    // A line that is folded onto the request line hides a header from a lenient reader.
    all.push_back({"GET / HTTP/1.1\r\n Host: a\r\n", 400, "header"});
    all.push_back({"GET / HTTP/1.1\r\n\tHost: a\r\nHost: b\r\n", 400, "header"});
    return all;
}

INSTANTIATE_TEST_SUITE_P(fields, RefusedHead, testing::ValuesIn(refused_fields()));

std::vector<Refused> refused_hosts() {
    std::vector<Refused> all{{"GET / HTTP/1.1\r\n", 400, "host"},
                             {"GET / HTTP/1.2\r\n", 400, "host"},
                             {"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n", 400, "host"},
                             {"GET / HTTP/1.1\r\nHost: a\r\nHOST: b\r\n", 400, "host"},
                             {"GET / HTTP/1.0\r\nHost: a\r\nHost: a\r\n", 400, "host"},
                             {"GET http://a/ HTTP/1.1\r\n", 400, "host"}};
    for (const auto& host :
         {""s,      " \t"s,         "a b"s,     "a/b"s,     "user@a"s,  "a?b"s,      "a#b"s,
          "a\\b"s,  "a:b"s,         "a:80:80"s, "a:-1"s,    "a:+1"s,    "a:123456"s, "[::1"s,
          "::1"s,   "[]"s,          "[::1]x"s,  "[::1]80"s, "[::1]:x"s, "[:/]"s,     "<a>"s,
          "\"a\""s, "caf\xc3\xa9"s, ":80"s,     "a%"s,      "a%zz"s,    "a%00"s}) {
        all.push_back({"GET / HTTP/1.1\r\nHost: " + host + "\r\n", 400, "host"});
    }
    return all;
}

INSTANTIATE_TEST_SUITE_P(host, RefusedHead, testing::ValuesIn(refused_hosts()));

class AcceptedHost : public testing::TestWithParam<std::string> {};

TEST_P(AcceptedHost, is_kept_as_sent) {
    const Checked checked = check("GET / HTTP/1.1\r\nHost: " + GetParam() + "\r\n");
    EXPECT_FALSE(checked.problem) << checked.problem.reason;
    EXPECT_EQ(checked.request->header("host"), GetParam());
}

INSTANTIATE_TEST_SUITE_P(all, AcceptedHost,
                         testing::Values("a", "a.example", "a.example:8000", "127.0.0.1:80",
                                         "[::1]", "[::1]:8000", "[fe80::1%25eth0]:80",
                                         "a:", "xn--bcher-kva.example", "under_score", "a:65535"));

TEST(RequestHead, of_http_1_0_may_have_no_host) {
    EXPECT_FALSE(check("GET / HTTP/1.0\r\n").problem);
}

TEST(RequestHead, is_taken_apart) {
    const Checked checked = check(
        "PUT /a/b?c=d&e=%20 HTTP/1.1\r\nHost: a\r\nX-One:1\r\nx-two:  \t2 2\t \r\nX-Empty:\r\n");
    const Request& request = *checked.request;
    ASSERT_FALSE(checked.problem) << checked.problem.reason;
    EXPECT_EQ(request.method, Method::Put);
    EXPECT_TRUE(request.method_known);
    EXPECT_EQ(request.method_name, "PUT");
    EXPECT_EQ(request.path, "/a/b");
    EXPECT_EQ(request.raw_path, "/a/b");
    EXPECT_EQ(request.query, "c=d&e=%20");
    EXPECT_EQ(request.version_minor, 1);
    ASSERT_EQ(request.headers.size(), 4U);
    EXPECT_EQ(request.headers[1].name, "X-One");
    EXPECT_EQ(request.header("x-one"), "1");
    EXPECT_EQ(request.header("X-TWO"), "2 2");
    EXPECT_EQ(request.header("x-empty"), "");
    EXPECT_EQ(request.header("x-three"), std::nullopt);
    EXPECT_EQ(request.header("x-on"), std::nullopt);
}

TEST(RequestHead, keeps_high_bytes_and_tabs_of_values) {
    const Checked checked = check_fields("Name: caf\xc3\xa9\t\xff!\r\n");
    ASSERT_FALSE(checked.problem) << checked.problem.reason;
    EXPECT_EQ(checked.request->header("name"), "caf\xc3\xa9\t\xff!");
}

TEST(RequestHead, gives_the_first_of_repeated_headers) {
    const Checked checked = check_fields("Name: 1\r\nNAME: 2\r\n");
    ASSERT_FALSE(checked.problem);
    EXPECT_EQ(checked.request->header("name"), "1");
    EXPECT_EQ(checked.request->headers.size(), 3U);
}

TEST(RequestHead, with_a_value_full_of_colons_is_split_at_the_first) {
    EXPECT_EQ(check_fields("Name::a:b\r\n").request->header("name"), ":a:b");
}

TEST(Method, is_any_token_and_known_by_its_exact_case) {
    for (const std::string_view name : {"get", "Get", "PURGE", "M-SEARCH", "!#$%&'*+-.^_`|~09"}) {
        const Checked checked = check_line(std::string(name) + " / HTTP/1.1");
        EXPECT_FALSE(checked.problem) << name;
        EXPECT_FALSE(checked.request->method_known) << name;
        EXPECT_EQ(checked.request->method_name, name);
    }
    const std::pair<std::string, Method> known[] = {
        {"GET", Method::Get},        {"HEAD", Method::Head},   {"POST", Method::Post},
        {"PUT", Method::Put},        {"PATCH", Method::Patch}, {"DELETE", Method::Delete},
        {"OPTIONS", Method::Options}};
    for (const auto& [name, method] : known) {
        const Checked checked = check_line(name + " / HTTP/1.1");
        EXPECT_TRUE(checked.request->method_known) << name;
        EXPECT_EQ(checked.request->method, method) << name;
    }
}

TEST(Target, of_a_star_is_for_options_and_for_methods_that_nobody_knows) {
    const Checked checked = check_line("OPTIONS * HTTP/1.1");
    EXPECT_FALSE(checked.problem);
    EXPECT_EQ(checked.request->raw_path, "*");
    EXPECT_EQ(checked.request->path, "*");
    EXPECT_EQ(check_line("OPTIONS ** HTTP/1.1").problem.reason, "target");
    EXPECT_EQ(check_line("POST * HTTP/1.1").problem.reason, "target");
    EXPECT_FALSE(check_line("options * HTTP/1.1").problem);
    EXPECT_FALSE(check_line("options * HTTP/1.1").request->method_known);
}

struct Target {
    std::string sent, raw_path, path, query;
};

class AcceptedTarget : public testing::TestWithParam<Target> {};

TEST_P(AcceptedTarget, is_path_and_query) {
    const Checked checked = check_line("GET " + GetParam().sent + " HTTP/1.1");
    ASSERT_FALSE(checked.problem) << checked.problem.reason;
    EXPECT_EQ(checked.request->raw_path, GetParam().raw_path);
    EXPECT_EQ(checked.request->path, GetParam().path);
    EXPECT_EQ(checked.request->query, GetParam().query);
}

INSTANTIATE_TEST_SUITE_P(
    all, AcceptedTarget,
    testing::Values(
        Target{"/", "/", "/", ""}, Target{"/?", "/", "/", ""}, Target{"/a?b?c", "/a", "/a", "b?c"},
        Target{"/a%20b%2Fc?d=%zz", "/a%20b%2Fc", "/a b/c", "d=%zz"},
        Target{"//a", "//a", "//a", ""}, Target{"/a?u=http://b/", "/a", "/a", "u=http://b/"},
        Target{"/[a]|\"b\"", "/[a]|\"b\"", "/[a]|\"b\"", ""}, Target{"http://a", "/", "/", ""},
        Target{"http://a/", "/", "/", ""}, Target{"HTTPS://a.example:443/b?c", "/b", "/b", "c"},
        Target{"http://a?b/c", "/", "/", "b/c"}, Target{"http://a?", "/", "/", ""},
        Target{"http://[::1]:80/%41", "/%41", "/A", ""},
        Target{"/a?q=caf\xc3\xa9", "/a", "/a", "q=caf\xc3\xa9"},
        Target{"/?\xff?\x80", "/", "/", "\xff?\x80"},
        Target{"http://a?\xe2\x82\xac", "/", "/", "\xe2\x82\xac"}));

TEST(ContentLength, may_be_repeated_with_the_same_value) {
    const Checked checked = check_fields("Content-Length: 12\r\ncontent-length: 12\r\n");
    EXPECT_FALSE(checked.problem);
    EXPECT_EQ(checked.framing.content_length, 12U);
}

TEST(ContentLength, goes_up_to_64_bits) {
    EXPECT_EQ(check_fields("Content-Length:\t18446744073709551615 \r\n").framing.content_length,
              18446744073709551615U);
    EXPECT_EQ(check_fields("Content-Length: 007\r\n").framing.content_length, 7U);
}

TEST(TransferEncoding, of_chunked_is_found_in_any_case_and_among_empty_elements) {
    for (const std::string_view value :
         {"chunked", "CHUNKED", " chunked\t", ", chunked,", "Chunked ,"}) {
        const Checked checked = check_fields("Transfer-Encoding:" + std::string(value) + "\r\n");
        EXPECT_FALSE(checked.problem) << value;
        EXPECT_TRUE(checked.framing.chunked) << value;
    }
    EXPECT_FALSE(check_fields("TE: chunked\r\n").framing.chunked);
}

TEST(Expect, is_a_list) {
    for (const char* value : {"100-continue, 100-continue", ",100-CONTINUE ,"})
        EXPECT_TRUE(
            check_fields("Expect: " + std::string(value) + "\r\n").framing.expects_continue);
    EXPECT_TRUE(
        check_fields("Expect: 100-continue\r\nExpect: 100-continue\r\n").framing.expects_continue);
    EXPECT_FALSE(check_fields("Expect:\r\n").framing.expects_continue);
    EXPECT_FALSE(check_fields("Expect:\r\n").problem);
}

TEST(Expect, counts_from_http_1_1_on) {
    EXPECT_TRUE(check_fields("Expect: 100-Continue\r\n").framing.expects_continue);
    EXPECT_FALSE(check_fields("Expect: 100-continue\r\n", "HTTP/1.0").framing.expects_continue);
    EXPECT_FALSE(check_fields("Expectation: 100-continue\r\n").framing.expects_continue);
}

struct KeepAlive {
    std::string version, fields;
    bool expected;
};

class KeepAliveTest : public testing::TestWithParam<KeepAlive> {};

TEST_P(KeepAliveTest, follows_version_and_connection_tokens) {
    const Checked checked = check_fields(GetParam().fields, GetParam().version);
    ASSERT_FALSE(checked.problem) << checked.problem.reason;
    EXPECT_EQ(checked.request->keep_alive, GetParam().expected)
        << GetParam().version << ' ' << GetParam().fields;
}

INSTANTIATE_TEST_SUITE_P(
    all, KeepAliveTest,
    testing::Values(KeepAlive{"HTTP/1.1", "", true}, KeepAlive{"HTTP/1.0", "", false},
                    KeepAlive{"HTTP/1.2", "", true},
                    KeepAlive{"HTTP/1.1", "Connection: close\r\n", false},
                    KeepAlive{"HTTP/1.1", "connection: CLOSE\r\n", false},
                    KeepAlive{"HTTP/1.1", "Connection: te, close\r\n", false},
                    KeepAlive{"HTTP/1.1", "Connection: upgrade\r\n", true},
                    KeepAlive{"HTTP/1.1", "Connection: closed\r\n", true},
                    KeepAlive{"HTTP/1.1", "Connection: keep-alive, close\r\n", false},
                    KeepAlive{"HTTP/1.1", "Connection: close\r\nConnection: keep-alive\r\n", false},
                    KeepAlive{"HTTP/1.0", "Connection: keep-alive\r\n", true},
                    KeepAlive{"HTTP/1.0", "Connection: ,Keep-Alive ,\r\n", true},
                    KeepAlive{"HTTP/1.0", "Connection: te\r\nConnection: keep-alive\r\n", true},
                    KeepAlive{"HTTP/1.0", "Connection: keep-alive\r\nConnection: te\r\n", true},
                    KeepAlive{"HTTP/1.0", "Connection: keep-alive\r\nConnection: close\r\n", false},
                    KeepAlive{"HTTP/1.0", "Connection: close\r\nConnection: keep-alive\r\n",
                              false}));

TEST(HasToken, looks_for_whole_elements) {
    EXPECT_TRUE(has_token("a, B ,c", "b"));
    EXPECT_TRUE(has_token("b", "B"));
    EXPECT_FALSE(has_token("a b", "b"));
    EXPECT_FALSE(has_token("ab", "b"));
    EXPECT_FALSE(has_token("", "b"));
    EXPECT_FALSE(has_token(",,", "b"));
}

TEST(FieldLine, is_a_name_a_colon_and_a_trimmed_value) {
    const auto header = parse_field_line("Name: \t value \t");
    ASSERT_TRUE(header);
    EXPECT_EQ(header->name, "Name");
    EXPECT_EQ(header->value, "value");
    EXPECT_FALSE(parse_field_line(" Name: value"));
    EXPECT_FALSE(parse_field_line(""));
    EXPECT_FALSE(parse_field_line("Name: a\nb"));
}

}  // namespace
}  // namespace signalbox::http
