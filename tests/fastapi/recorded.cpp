#include "fastapi/recorded.hpp"

#include <cstdint>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string_view>

#include "signalbox/model/json_tree.hpp"

namespace fastapi {

namespace {

using signalbox::model::JsonNode;
using signalbox::model::JsonTree;

std::string contents_of(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
    if (!file || text.empty()) throw std::runtime_error("cannot read " + path);
    return text;
}

const JsonNode* find(const JsonNode& object, std::string_view member) {
    const JsonNode* name = JsonTree::first_in(object);
    for (std::uint32_t i = 0; i < object.count; ++i) {
        const JsonNode* const value = JsonTree::after(*name);
        if (name->text == member) return value;
        name = JsonTree::after(*value);
    }
    return nullptr;
}
const JsonNode& get(const JsonNode& object, std::string_view member) {
    const JsonNode* const found = find(object, member);
    if (found == nullptr) throw std::runtime_error("no member " + std::string(member));
    return *found;
}

/// A header's value as its bytes: the record has a character for each.
std::string latin_1(std::string_view utf8) {
    std::string bytes;
    for (std::size_t i = 0; i < utf8.size(); ++i) {
        const auto byte = static_cast<unsigned char>(utf8[i]);
        if (byte < 0x80) {
            bytes += utf8[i];
        } else {  // two bytes, for no character is above U+00FF
            bytes += static_cast<char>((byte & 3U) << 6U |
                                       (static_cast<unsigned char>(utf8.at(++i)) & 0x3FU));
        }
    }
    return bytes;
}

std::string decode_base64(std::string_view text) {
    constexpr std::string_view alphabet =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    std::string bytes;
    std::uint32_t bits = 0;
    int count = 0;
    for (const char c : text) {
        if (c == '=') break;
        bits = bits << 6U | static_cast<std::uint32_t>(alphabet.find(c));
        count += 6;
        if (count >= 8) {
            count -= 8;
            bytes += static_cast<char>(bits >> static_cast<unsigned>(count) & 0xFFU);
        }
    }
    return bytes;
}

Recorded read_one(const JsonNode& node) {
    const JsonNode& request = get(node, "request");
    Recorded one{.name = std::string(get(node, "name").text),
                 .method = std::string(get(request, "method").text),
                 .target = std::string(get(request, "path").text),
                 .headers = {},
                 .body = {},
                 .answer_headers = {},
                 .answer = {}};
    const JsonNode& headers = get(request, "headers");
    const JsonNode* header = JsonTree::first_in(headers);
    for (std::uint32_t i = 0; i < headers.count; ++i, header = JsonTree::after(*header)) {
        const JsonNode* const name = JsonTree::first_in(*header);
        one.headers.emplace_back(name->text, latin_1(JsonTree::after(*name)->text));
    }
    if (const auto* body = find(request, "body")) one.body = body->text;
    if (const auto* body = find(request, "body_base64")) one.body = decode_base64(body->text);

    one.status = std::stoi(std::string(get(node, "status").text));
    const JsonNode& answered = get(node, "headers");
    const JsonNode* name = JsonTree::first_in(answered);
    for (std::uint32_t i = 0; i < answered.count; ++i) {
        const JsonNode* const value = JsonTree::after(*name);
        one.answer_headers.emplace_back(name->text, value->text);
        name = JsonTree::after(*value);
    }
    // As it was sent: JSON without spaces, its numbers as they stand in the record.
    const JsonNode* const body = find(node, "body");
    one.answer = body != nullptr ? json_of(*body) : std::string(get(node, "text").text);
    return one;
}

}  // namespace

std::vector<Recorded> read_recorded(const std::string& path) {
    JsonTree json;
    if (const auto fault = json.read(contents_of(path)))
        throw std::runtime_error(path + ": " + fault->reason);
    const JsonNode& answers = get(json.root(), "answers");
    std::vector<Recorded> all;
    const JsonNode* each = JsonTree::first_in(answers);
    for (std::uint32_t i = 0; i < answers.count; ++i, each = JsonTree::after(*each))
        all.push_back(read_one(*each));
    return all;
}

}  // namespace fastapi
