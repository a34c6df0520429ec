// multipart/form-data: the parts of a body are those that a second implementation finds, and the
// same however the body is cut; what that refuses is refused.
#include "signalbox/http/wire/multipart.hpp"

#include <algorithm>
#include <string>
#include <vector>

#include "reference/multipart.hpp"
#include "target.hpp"

namespace signalbox::fuzz {
namespace {

constexpr std::string_view boundary = "B";

class Parts final : public http::PartReceiver {
  public:
    explicit Parts(std::string_view body) : body_(body) {}

    void on_part(http::PartHead head, std::uint64_t offset) override {
        all.push_back({.name = std::move(head.name), .filename = head.filename, .content = {}});
        offset_ = offset;
    }
    void on_text(std::string_view bytes) override { text_ += bytes; }
    void on_part_end(std::uint64_t offset) override {
        require(offset_ <= offset && offset <= body_.size(), "a part is in the body");
        all.back().content = body_.substr(offset_, offset - offset_);
        if (!all.back().filename) require_same(text_, all.back().content, "its text is there");
        text_.clear();
    }

    std::vector<MultipartPart> all;

  private:
    const std::string_view body_;
    std::size_t offset_ = 0;
    std::string text_;
};

struct Parsed {
    std::vector<MultipartPart> parts;
    std::string fault;
};

Parsed parse(std::string_view body, std::size_t piece) {
    // None of a fuzzer's bodies comes near them.
    http::FormLimits limits;
    limits.max_part_head = limits.max_name = limits.max_part_size;
    Parts parts(body);
    http::MultipartParser parser(boundary, limits, parts);
    std::string kept;
    for (std::size_t at = 0; at < body.size() && parser.fault().empty(); at += piece) {
        kept += body.substr(at, piece);
        kept.erase(0, parser.feed(kept));
    }
    if (parser.fault().empty()) parser.end();
    return {std::move(parts.all), parser.fault()};
}

}  // namespace
}  // namespace signalbox::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace signalbox::fuzz;  // NOLINT: this is the target's own
    const std::string_view body = as_text(data, size);
    const Parsed whole = parse(body, std::max<std::size_t>(size, 1));
    const auto expected = reference_multipart(body, boundary);
    require(whole.fault.empty() == expected.has_value(), "a body is refused if it is none");
    if (expected) require(whole.parts == *expected, "the parts are those of the body");
    for (const std::size_t piece : {std::size_t{1}, std::size_t{7}, size / 3 + 1}) {
        const Parsed cut = parse(body, piece);
        require_same(cut.fault, whole.fault, "a body is refused for the same, however it is cut");
        if (cut.fault.empty()) require(cut.parts == whole.parts, "so are its parts found");
    }
    return 0;
}
