// The reader of JSON bodies: it takes what the grammar of RFC 8259 takes and keeps all of it; what
// it refuses it refuses at a place in the text, and the reader that names the place agrees; what a
// client is told of a value is JSON of bounded size.
#include "signalbox/model/json_tree.hpp"

#include <string>

#include "reference/json.hpp"
#include "target.hpp"

namespace signalbox::fuzz {
namespace {

std::size_t characters(std::string_view text) {
    std::size_t count = 0;
    for (const char c : text)
        count += (static_cast<unsigned char>(c) & 0xC0U) != 0x80 ? 1 : 0;
    return count;
}

void check_excerpts(const model::JsonTree& tree, std::size_t size) {
    for (const std::size_t most : {std::size_t{0}, std::size_t{7}, size / 2, size}) {
        const std::string json = model::excerpt(tree.root(), most);
        // An escape takes six bytes for one, and what is open is closed.
        require(json.size() <= 6 * most + 2 * model::JsonTree::deepest + 100,
                "an excerpt is not larger than it may be");
        require(reference_json(json).has_value(), "an excerpt is JSON");
    }
}

void check(std::string_view text) {
    model::JsonTree tree;
    const auto fault = tree.read(text);
    const auto expected = reference_json(text);
    if (!fault) {
        require(expected.has_value(), "what is read is JSON");
        require_same(model::json_of(tree.root()), expected->text, "nothing is lost");
        require(!model::strict_fault(text.starts_with("\xEF\xBB\xBF") ? text.substr(3) : text),
                "there is no fault in what is read");
        check_excerpts(tree, text.size());
        return;
    }
    require(!fault->reason.empty(), "a fault has a reason");
    require(fault->position <= characters(text), "a fault is in the text");
    if (!expected) return;
    require(expected->large_number || expected->depth > model::JsonTree::deepest,
            "what is JSON is read");
}

}  // namespace
}  // namespace signalbox::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    signalbox::fuzz::check(signalbox::fuzz::as_text(data, size));
    return 0;
}
