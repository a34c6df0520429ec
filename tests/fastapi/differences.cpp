#include "fastapi/differences.hpp"

namespace fastapi {

// The same, at more length, stands in README.md.
const std::vector<Difference>& differences() {
    static const std::vector<Difference> all{
        {"integers have 64 bits",
         "An integer beyond its C++ type is refused with the type's bound; Python's have no end.",
         {"query/int: value=12345678901234567890123"}},

        {"no infinity and no NaN",
         "JSON cannot write them: FastAPI reads them and fails at the answer, with 500. Here they "
         "are refused, with 422, as numbers in JSON text are that no double holds.",
         {R"(body/decimal: {"value": NaN})", R"(body/float: {"value": -Infinity})",
          R"(body/float: {"value": 1e400})", R"(body/float: {"value": NaN})",
          R"(json/numbers: 10 {"text": "a", "number": "1e999"})",
          R"(json/numbers: 6 {"text": "a", "number": 1e999})",
          R"(json/numbers: 7 {"text": "a", "number": Infinity})", "path/float: 1e400",
          "path/float: inf", "path/float: nan", "query/float: value=-inf",
          "query/float: value=Infinity"}},

        {"text is UTF-8",
         "JSON is exchanged in UTF-8 (RFC 8259, section 8.1), and half of a surrogate pair is no "
         "character: FastAPI reads UTF-16 as well, and fails with 500 where it has to write a "
         "half, or bytes that are no UTF-8.",
         {"content/body: not UTF-8, as text",
          R"(json/encoding: 4 \xff\xfe{\x00"\x00t\x00e\x00x\x00t\x00"\x00:\x00 \... of 73)",
          R"(json/encoding: 5 {"text": "\xed\xa0\x80"})", R"(json/encoding: 6 \xff\xfe)",
          R"(json/escapes: 10 {"text": "\\ud800", "number": "x"})",
          R"(json/escapes: 5 {"text": "\\ud83d"})",
          R"(json/escapes: 6 {"text": "\\ude00\\ud83d"})"}},

        {"a decimal number keeps its digits",
         "Also one that is sent as a JSON number: Python makes a float of it first.",
         {R"(body/decimal: {"value": 1.10})"}},

        {"each member of a model of parameters is a parameter",
         "FastAPI tells models of query parameters, headers and cookies from single parameters: "
         "`input` of a missing member is all that was sent, a header is named as the member is. "
         "Here all are models, and errors are those of single parameters.",
         {"cookie/model: None", "cookie/model: depth=1", "header/model: X-Depth=-1, X-Mode=none",
          "header/model: X-Tags=a", "query/model-forbid: a=1", "query/model-forbid: none"}},

        {"a map is sorted",
         "A std::map has its keys in their order, a dict in that in which they came.",
         {"json/duplicates: the first one's place"}},

        {"a host's name stays Unicode",
         "FastAPI makes Punycode of it (IDNA), which needs Unicode's tables.",
         {"query/url: value=http://bücher.example/"}},

        {"a malformed form is refused, and told why",
         "FastAPI says only that it is malformed, takes a NUL in a header, and loses the fields "
         "behind the point where a multipart body was cut.",
         {"form/multipart: body: a NUL in a header",
          "form/multipart: body: a header without a colon", "form/multipart: body: a preamble",
          "form/multipart: body: line feeds only", "form/multipart: body: no end",
          "form/multipart: body: spaces behind the boundary",
          "form/multipart: type: a boundary of 71", "form/multipart: type: an empty boundary",
          "form/multipart: type: another boundary"}},

        {"a media type is the same in any case",
         "As RFC 9110, section 8.3.1, says; Starlette compares the letters when there are "
         "parameters.",
         {"form/login: with a charset", "form/multipart: type: upper case"}},

        {"a file in an error is its name, size and headers",
         "FastAPI shows the attributes of Python's temporary file as well.",
         {"form/album: an empty cover", "form/album: too many", "form/avatar: the name is a file",
          "form/login: a password that is a file"}},

        {"GET answers HEAD, and Allow has all methods",
         "As HTTP wants it (RFC 9110, sections 9.3.2 and 10.2.1); Starlette's Allow is that of the "
         "first route with the path.",
         {"routes/thing: FETCH a", "routes/thing: PATCH a", "routes/things: HEAD /v1/routes/things",
          "routes/things: OPTIONS /v1/routes/things", "routes/things: POST /v1/routes/things"}},

        {"a redirect is relative",
         "So that it is right behind any proxy (RFC 9110, section 10.2.2).",
         {"routes/thing: GET a/", "routes/things: GET /v1/routes/things/"}},

        {"the content type is that of the content",
         "A 500 is JSON as every other error, not plain text; 204, which has no content, has no "
         "Content-Type.",
         {"response/missing: GET", "response/no-content: 7"}},
    };
    return all;
}

}  // namespace fastapi
