#include "signalbox/http/wire/multipart.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace signalbox::http {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;

struct Part {
    PartHead head;
    std::string content;
    bool ended = false;
};

/// What the parser tells, with the content of files taken from where it says that it is.
class Parts final : public PartReceiver {
  public:
    explicit Parts(std::string_view body) : body_(body) {}

    void on_part(PartHead head, std::uint64_t offset) override {
        EXPECT_TRUE(all.empty() || all.back().ended);
        all.push_back({.head = std::move(head), .content = {}});
        offset_ = offset;
    }
    void on_text(std::string_view bytes) override {
        EXPECT_FALSE(all.back().head.is_file());
        all.back().content += bytes;
    }
    void on_part_end(std::uint64_t offset) override {
        const auto content = body_.substr(offset_, offset - offset_);
        if (all.back().head.is_file()) {
            all.back().content = content;
        } else {
            EXPECT_EQ(all.back().content, content);
        }
        all.back().ended = true;
    }

    std::vector<Part> all;

  private:
    const std::string_view body_;
    std::size_t offset_ = 0;
};

struct Parsed {
    std::vector<Part> parts;
    std::string fault;
};

/// In pieces of so many bytes, each with what was left of those before it.
Parsed parse(std::string_view body, std::size_t piece = 1 << 20, const FormLimits& limits = {},
             std::string_view boundary = "B") {
    Parts parts(body);
    MultipartParser parser(boundary, limits, parts);
    std::string kept;
    for (std::size_t at = 0; at < body.size() && parser.fault().empty(); at += piece) {
        kept += body.substr(at, piece);
        kept.erase(0, parser.feed(kept));
    }
    if (parser.fault().empty()) parser.end();
    return {std::move(parts.all), parser.fault()};
}

std::string part(std::string_view disposition, std::string_view content) {
    return "--B\r\nContent-Disposition: form-data; " + std::string(disposition) + "\r\n\r\n" +
           std::string(content) + "\r\n";
}
constexpr std::string_view end = "--B--\r\n";

TEST(MultipartParser, finds_the_same_however_it_is_cut) {
    // Contents that begin as the boundary does.
    const std::string body = part("name=\"a\"", "one\r\n--") + part("name=\"b\"", "") +
                             part("name=\"f\"; filename=\"x\"", "\r\n--Bx\r\r\n--B-\r\n") +
                             part("name=c", "\r\n\r\n") + std::string(end) + "\r\n--B\r\n";
    for (std::size_t piece = 1; piece <= body.size(); ++piece) {
        SCOPED_TRACE(piece);
        const Parsed parsed = parse(body, piece);
        EXPECT_EQ(parsed.fault, "");
        ASSERT_EQ(parsed.parts.size(), 4U);
        EXPECT_EQ(parsed.parts[0].head.name, "a");
        EXPECT_EQ(parsed.parts[0].content, "one\r\n--");
        EXPECT_EQ(parsed.parts[1].content, "");
        EXPECT_EQ(parsed.parts[2].head.filename, "x");
        EXPECT_EQ(parsed.parts[2].content, "\r\n--Bx\r\r\n--B-\r\n");
        EXPECT_EQ(parsed.parts[3].head.name, "c");
        EXPECT_EQ(parsed.parts[3].content, "\r\n\r\n");
    }
}

TEST(MultipartParser, is_cut_in_two_at_every_byte) {
    const std::string body = part("name=\"a\"", "one") +
                             part("name=\"f\"; filename=\"x\"", "a\r\n-b\r\n--") + std::string(end);
    for (std::size_t cut = 0; cut <= body.size(); ++cut) {
        SCOPED_TRACE(cut);
        Parts parts(body);
        MultipartParser parser("B", {}, parts);
        std::string kept = body.substr(0, cut);
        kept.erase(0, parser.feed(kept));
        kept += body.substr(cut);
        parser.feed(kept);
        parser.end();
        EXPECT_EQ(parser.fault(), "");
        ASSERT_EQ(parts.all.size(), 2U);
        EXPECT_EQ(parts.all[0].content, "one");
        EXPECT_EQ(parts.all[1].content, "a\r\n-b\r\n--");
    }
}

TEST(MultipartParser, refuses_what_ends_anywhere_before_its_end) {
    const std::string body = part("name=\"a\"", "one") + "--B--";
    EXPECT_EQ(parse(body).fault, "");
    EXPECT_EQ(parse("").fault, "") << "a form without fields";
    for (std::size_t size = 1; size < body.size(); ++size) {
        SCOPED_TRACE(size);
        for (const std::size_t piece : {std::size_t{1}, body.size()})
            EXPECT_THAT(parse(body.substr(0, size), piece).fault,
                        HasSubstr("There was an error parsing the body: it "));
    }
}

TEST(MultipartParser, refuses_what_could_be_read_in_two_ways) {
    const std::string good = part("name=\"a\"", "one") + std::string(end);
    const auto fault = [](std::string body) {
        const Parsed whole = parse(body);
        EXPECT_EQ(parse(body, 1).fault, whole.fault);
        return whole.fault;
    };
    EXPECT_EQ(fault("\r\n" + good), "");
    EXPECT_THAT(fault("hello\r\n" + good), HasSubstr("does not begin with the boundary"));
    EXPECT_THAT(fault("\n" + good), HasSubstr("does not begin with the boundary"));
    EXPECT_THAT(fault("--B \r\n\r\n\r\n--B--"), HasSubstr("stands behind the boundary"));
    EXPECT_THAT(fault("--B\nx: y\n\n\n--B--"), HasSubstr("stands behind the boundary"));
    EXPECT_THAT(fault("--B\r\nContent-Disposition: form-data; name=a\n\r\n\r\nx\r\n--B--"),
                HasSubstr("a header of a part is malformed"));
    EXPECT_THAT(fault("--B\r\nContent-Disposition form-data; name=a\r\n\r\nx\r\n--B--"),
                HasSubstr("a header of a part is malformed"));
    EXPECT_THAT(fault("--B\r\nContent-Disposition: form-data;\r\n name=a\r\n\r\nx\r\n--B--"),
                HasSubstr("a header of a part is malformed"));
    EXPECT_THAT(fault(part(std::string("name=\"a\0b\"", 10), "x") + std::string(end)),
                HasSubstr("a header of a part is malformed"));
    EXPECT_THAT(fault(part("name*=UTF-8''a%00b", "x") + std::string(end)),
                HasSubstr("a name has a NUL in it"));
    EXPECT_THAT(fault(part("x=y", "x") + std::string(end)),
                "The Content-Disposition header field \"name\" must be provided.");
    EXPECT_THAT(fault("--B\r\n\r\nx\r\n--B--"),
                "The Content-Disposition header field \"name\" must be provided.");
}

TEST(MultipartParser, has_limits) {
    FormLimits limits;
    limits.max_files = 2;
    limits.max_fields = 2;
    limits.max_part_size = 2048;
    limits.max_text_size = 3000;
    limits.max_part_head = 100;
    limits.max_part_headers = 3;
    limits.max_name = 10;
    const auto fault = [&limits](const std::string& parts) {
        const std::string body = parts + std::string(end);
        const Parsed whole = parse(body, 1 << 20, limits);
        EXPECT_EQ(parse(body, 7, limits).fault, whole.fault);
        return whole.fault;
    };
    const std::string field = part("name=a", "x");
    const std::string file = part("name=a; filename=b", std::string(5000, 'x'));
    EXPECT_EQ(fault(field + field + file + file), "");
    EXPECT_EQ(fault(field + field + field), "Too many fields. Maximum number of fields is 2.");
    EXPECT_EQ(fault(file + file + file), "Too many files. Maximum number of files is 2.");
    EXPECT_EQ(fault(part("name=a", std::string(2048, 'x'))), "");
    EXPECT_EQ(fault(part("name=a", std::string(2049, 'x'))), "Part exceeded maximum size of 2KB.");
    const std::string half = part("name=a", std::string(1501, 'x'));
    EXPECT_EQ(fault(half + half), "Fields exceeded maximum size of 2KB in all.");
    EXPECT_EQ(fault(part("name=a\r\na:\r\nb:", "x")), "");
    EXPECT_THAT(fault(part("name=a\r\na:\r\nb:\r\nc:", "x")), HasSubstr("more than 3 headers"));
    EXPECT_EQ(fault(part("name=0123456789; filename=0123456789", "x")), "");
    EXPECT_THAT(fault(part("name=0123456789a", "x")), HasSubstr("more than 10 bytes"));
    EXPECT_THAT(fault(part("name=a; filename=0123456789a", "x")), HasSubstr("more than 10 bytes"));
    // With its line ends, without the empty line.
    const std::string_view first = "Content-Disposition: form-data; name=a\r\n";
    const auto with_head = [&first](std::size_t size) {
        const std::string rest = "X: " + std::string(size - first.size() - 5, 'x') + "\r\n";
        return "--B\r\n" + std::string(first) + rest + "\r\ny\r\n";
    };
    EXPECT_EQ(fault(with_head(100)), "");
    EXPECT_THAT(fault(with_head(101)), HasSubstr("more than 100 bytes"));
    EXPECT_THAT(fault("--B\r\nX: " + std::string(10'000, 'x')), HasSubstr("more than 100 bytes"));
}

TEST(MultipartParser, names_files_as_browsers_mean_it) {
    const auto filename = [](std::string_view text) {
        const Parsed parsed =
            parse(part("name=f; filename=" + std::string(text), "") + std::string(end));
        EXPECT_EQ(parsed.fault, "");
        return parsed.parts.empty() ? "" : parsed.parts[0].head.filename.value_or("none");
    };
    EXPECT_EQ(filename("a.txt"), "a.txt");
    EXPECT_EQ(filename("\"a;b=c.txt\""), "a;b=c.txt");
    EXPECT_EQ(filename(R"("a\"b\\c\d")"), R"(a"b\c\d)");
    EXPECT_EQ(filename("\"a%22%0D%0A\""), "a%22%0D%0A") << "WHATWG's escapes stay, as in FastAPI";
    EXPECT_EQ(filename(R"("C:\Users\a.txt")"), "a.txt");
    EXPECT_EQ(filename(R"("\\host\share\a.txt")"), "\\host\\share\\a.txt")
        << "an escaped backslash first";
    EXPECT_EQ(filename("\"../../etc/passwd\""), "../../etc/passwd");
    EXPECT_EQ(filename("\"\""), "");
    EXPECT_EQ(filename("\"a\"; filename*=UTF-8''%e2%82%ac"), "\xe2\x82\xac");
    EXPECT_EQ(filename("\"b\"; FileName=c"), "c");
}

TEST(MultipartParser, keeps_the_headers_of_a_file) {
    const Parsed parsed = parse(
        "--B\r\nContent-Type: text/plain\r\nContent-Disposition: form-data; name=f; "
        "filename=x\r\nX-Depth:  1 \r\n\r\ny\r\n--B--");
    ASSERT_EQ(parsed.parts.size(), 1U);
    EXPECT_THAT(parsed.parts[0].head.headers,
                ElementsAre(Pair("content-type", "text/plain"),
                            Pair("content-disposition", "form-data; name=f; filename=x"),
                            Pair("x-depth", "1")));
}

TEST(MultipartParser, takes_a_part_that_is_multipart_for_text) {
    const std::string inner = "--C\r\nContent-Disposition: form-data; name=x\r\n\r\n1\r\n--C--";
    const Parsed parsed = parse(part("name=a", inner) + std::string(end));
    ASSERT_EQ(parsed.parts.size(), 1U);
    EXPECT_EQ(parsed.parts[0].content, inner);
}

TEST(Boundary, is_of_rfc_2046) {
    EXPECT_TRUE(is_boundary("----WebKitFormBoundary7MA4YWxkTrZu0gW"));
    EXPECT_TRUE(is_boundary("a '()+_,-./:=?b"));
    EXPECT_TRUE(is_boundary(std::string(70, 'x')));
    EXPECT_FALSE(is_boundary(std::string(71, 'x')));
    EXPECT_FALSE(is_boundary(""));
    EXPECT_FALSE(is_boundary("a "));
    EXPECT_FALSE(is_boundary("a\r\nb"));
    EXPECT_FALSE(is_boundary("\xfc"));
}

TEST(HeaderWithParameters, is_read_as_python_does) {
    const auto header = parse_header_with_parameters(
        "Multipart/Form-Data ; BOUNDARY=\"a;b\" ;charset = utf-8; empty; x=");
    EXPECT_EQ(header.value, "multipart/form-data");
    EXPECT_THAT(header.parameters,
                ElementsAre(Pair("boundary", "a;b"), Pair("charset", "utf-8"), Pair("x", "")));
    EXPECT_THAT(parse_header_with_parameters("").parameters, IsEmpty());
}

}  // namespace
}  // namespace signalbox::http
