#include "signalbox/http/query.hpp"

#include <algorithm>

#include "signalbox/fast/json_string.hpp"
#include "signalbox/http/wire/uri.hpp"

namespace signalbox::http {

namespace {

bool is_ascii(char c) {
    return static_cast<unsigned char>(c) < 0x80;
}

/// `text` decoded: itself when it has nothing to be decoded, else what is written to `place`.
std::string_view decode(std::string_view text, std::string& place) {
    const bool plain = std::all_of(text.begin(), text.end(),
                                   [](char c) { return c != '%' && c != '+' && is_ascii(c); });
    if (plain) return text;
    place.clear();
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '+') {
            place += ' ';
        } else if (const auto byte = escaped_byte(text.substr(i))) {
            place += *byte;
            i += escape_size - 1;
        } else {
            place += text[i];
        }
    }
    if (!std::all_of(place.begin(), place.end(), is_ascii)) {
        std::string utf8;
        append_utf8(utf8, place);
        place = std::move(utf8);
    }
    return place;
}

}  // namespace

bool QueryReader::next() {
    while (!rest_.empty()) {
        const std::string_view pair = rest_.substr(0, rest_.find('&'));
        rest_.remove_prefix(std::min(pair.size() + 1, rest_.size()));
        if (pair.empty()) continue;  // not a parameter without a name
        const std::size_t equals = std::min(pair.find('='), pair.size());
        name_ = decode(pair.substr(0, equals), decoded_name_);
        encoded_value_ = pair.substr(std::min(equals + 1, pair.size()));
        return true;
    }
    return false;
}

std::string_view QueryReader::value() {
    return decode(encoded_value_, decoded_value_);
}

std::optional<std::string> find_query_parameter(std::string_view query, std::string_view name) {
    QueryReader reader(query);
    while (reader.next()) {
        if (reader.name() == name) return std::string(reader.value());
    }
    return std::nullopt;
}

}  // namespace signalbox::http
