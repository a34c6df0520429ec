#include "signalbox/http/wire/multipart.hpp"

#include <algorithm>
#include <cstring>

#include "signalbox/ascii.hpp"
#include "signalbox/http/wire/head.hpp"
#include "signalbox/http/wire/uri.hpp"

namespace signalbox::http {

namespace {

constexpr std::string_view line_end = "\r\n";

/// Of RFC 2046: 1 to 70 characters.
constexpr std::size_t longest_boundary = 70;

/// Up to the next `;` that is in no quotes.
std::string_view next_parameter(std::string_view text) {
    bool quoted = false;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '"' && (i == 0 || text[i - 1] != '\\')) quoted = !quoted;
        if (text[i] == ';' && !quoted) return text.substr(0, i);
    }
    return text;
}

/// Only `\"` and `\\` are escapes: of old browsers a name can be `C:\a.txt`.
std::string unquoted(std::string_view text) {
    if (text.size() < 2 || !text.starts_with('"') || !text.ends_with('"')) return std::string(text);
    text = text.substr(1, text.size() - 2);
    std::string result;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const bool escape =
            text[i] == '\\' && i + 1 < text.size() && (text[i + 1] == '"' || text[i + 1] == '\\');
        if (escape) ++i;
        result += text[i];
    }
    return result;
}

std::string unescaped(std::string_view text) {
    std::string result;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (const auto byte = escaped_byte(text.substr(i))) {
            result += *byte;
            i += escape_size - 1;
        } else {
            result += text[i];
        }
    }
    return result;
}

/// `UTF-8'en'text` to `text` (RFC 8187, section 3.2).
std::string extended(std::string_view value) {
    const auto charset_end = value.find('\'');
    const auto language_end =
        charset_end == value.npos ? value.npos : value.find('\'', charset_end + 1);
    if (language_end != value.npos) value.remove_prefix(language_end + 1);
    return unescaped(value);
}

/// As FastAPI says it, and then what it is.
std::string malformed(const std::string& what) {
    return "There was an error parsing the body: " + what;
}

/// As an old browser sent it, with its path.
// NOLINTNEXTLINE(performance-unnecessary-value-param): it is given back
std::string without_path_of_windows(std::string filename) {
    const bool path =
        std::string_view(filename).substr(std::min<std::size_t>(1, filename.size()), 2) == ":\\" ||
        filename.starts_with("\\\\");
    return path ? filename.substr(filename.rfind('\\') + 1) : filename;
}

}  // namespace

const std::string* HeaderWithParameters::find(std::string_view name) const {
    const auto found =
        std::find_if(parameters.rbegin(), parameters.rend(),
                     [name](const auto& parameter) { return parameter.first == name; });
    return found == parameters.rend() ? nullptr : &found->second;
}

HeaderWithParameters parse_header_with_parameters(std::string_view text) {
    HeaderWithParameters header;
    std::string_view part = next_parameter(text);
    header.value = to_lower(trim(part));
    std::vector<std::pair<std::string, std::string>> extended_ones;
    while (part.size() < text.size()) {
        text.remove_prefix(part.size() + 1);
        part = next_parameter(text);
        const auto equals = part.find('=');
        if (equals == part.npos) continue;
        std::string name = to_lower(trim(part.substr(0, equals)));
        std::string value = unquoted(trim(part.substr(equals + 1)));
        if (name.ends_with('*')) {
            name.pop_back();
            extended_ones.emplace_back(std::move(name), extended(value));
        } else {
            header.parameters.emplace_back(std::move(name), std::move(value));
        }
    }
    for (auto& each : extended_ones)
        header.parameters.push_back(std::move(each));
    return header;
}

bool is_boundary(std::string_view text) {
    const auto allowed = [](char c) {
        return is_alphanumeric(c) ||
               std::string_view("'()+_,-./:=? ").find(c) != std::string_view::npos;
    };
    return !text.empty() && text.size() <= longest_boundary && !text.ends_with(' ') &&
           std::all_of(text.begin(), text.end(), allowed);
}

MultipartParser::MultipartParser(std::string_view boundary, const FormLimits& limits,
                                 PartReceiver& receiver)
    : delimiter_("\r\n--" + std::string(boundary)), limits_(limits), receiver_(receiver) {}

std::size_t MultipartParser::feed(std::string_view bytes) {
    std::size_t used = 0;
    while (true) {
        const Step taken = step(bytes.substr(used));
        used += taken.used;
        offset_ += taken.used;
        if (!taken.again) return used;
    }
}

void MultipartParser::end() {
    switch (state_) {
        case State::start:
            if (offset_ == 0 && !begun_) return;  // nothing at all is a form without fields
            fail("it does not begin with the boundary");
            return;
        case State::behind_boundary:
        case State::head:
        case State::content:
            fail("it ends without the last boundary");
            return;
        case State::epilogue:
        case State::failed:
            return;
    }
}

MultipartParser::Step MultipartParser::step(std::string_view bytes) {
    switch (state_) {
        case State::start:
            return start(bytes);
        case State::behind_boundary:
            return behind_boundary(bytes);
        case State::head:
            return head(bytes);
        case State::content:
            return content(bytes);
        case State::epilogue:
        case State::failed:
            return {.used = bytes.size()};
    }
    return {.used = bytes.size()};
}

MultipartParser::Step MultipartParser::start(std::string_view bytes) {
    begun_ = begun_ || !bytes.empty();
    // The line end that belongs to the boundary may be there, where there is nothing to end.
    const std::string_view dashes = std::string_view(delimiter_).substr(line_end.size());
    const bool with_line_end = bytes.starts_with(line_end.substr(0, bytes.size()));
    const std::string_view expected = with_line_end ? std::string_view(delimiter_) : dashes;
    if (!bytes.starts_with(expected.substr(0, bytes.size())))
        return fail("it does not begin with the boundary");
    if (bytes.size() < expected.size()) return {};
    state_ = State::behind_boundary;
    return {.used = expected.size(), .again = true};
}

MultipartParser::Step MultipartParser::behind_boundary(std::string_view bytes) {
    if (bytes.size() < 2) return {};
    if (bytes.starts_with("--")) {
        state_ = State::epilogue;
        return {.used = 2, .again = true};
    }
    if (!bytes.starts_with(line_end)) return fail("something stands behind the boundary");
    state_ = State::head;
    searched_ = 0;
    return {.used = line_end.size(), .again = true};
}

MultipartParser::Step MultipartParser::head(std::string_view bytes) {
    // From the line end in front of it on, so that a head without any line is one as well.
    constexpr std::string_view empty_line = "\r\n\r\n";
    std::size_t size = std::string_view::npos;
    if (bytes.starts_with(line_end)) {
        size = 0;
    } else {
        const std::string_view allowed = bytes.substr(0, limits_.max_part_head + line_end.size());
        const auto end = allowed.find(empty_line, searched_);
        if (end != allowed.npos) size = end + line_end.size();
        searched_ = allowed.size() - std::min(allowed.size(), empty_line.size() - 1);
    }
    if (size == std::string_view::npos) {
        if (bytes.size() < limits_.max_part_head + line_end.size()) return {};
        return fail("the headers of a part have more than " +
                    std::to_string(limits_.max_part_head) + " bytes");
    }
    auto part = read_head(bytes.substr(0, size));
    if (!part) return {.used = bytes.size()};
    const std::size_t used = size + line_end.size();
    state_ = State::content;
    text_size_ = 0;
    receiver_.on_part(std::move(*part), offset_ + used);
    return {.used = used, .again = true};
}

std::optional<PartHead> MultipartParser::read_head(std::string_view lines) {
    PartHead part;
    HeaderWithParameters disposition;
    while (!lines.empty()) {
        const auto end = lines.find(line_end);
        const auto field = parse_field_line(lines.substr(0, end));
        if (!field) return refuse(malformed("a header of a part is malformed"));
        // In memory a small one takes many times what it took on the wire.
        if (part.headers.size() == limits_.max_part_headers) {
            return refuse(malformed("a part has more than " +
                                    std::to_string(limits_.max_part_headers) + " headers"));
        }
        lines.remove_prefix(end + line_end.size());
        std::string name = to_lower(field->name);
        if (name == "content-disposition") disposition = parse_header_with_parameters(field->value);
        part.headers.emplace_back(std::move(name), field->value);
    }
    const std::string* const name = disposition.find("name");
    if (name == nullptr)
        return refuse(R"(The Content-Disposition header field "name" must be provided.)");
    part.name = *name;
    if (const std::string* const filename = disposition.find("filename"))
        part.filename = without_path_of_windows(*filename);
    if (part.name.size() > limits_.max_name ||
        (part.filename && part.filename->size() > limits_.max_name)) {
        return refuse(
            malformed("a name has more than " + std::to_string(limits_.max_name) + " bytes"));
    }
    const auto has_nul = [](std::string_view text) { return text.find('\0') != text.npos; };
    if (has_nul(part.name) || (part.filename && has_nul(*part.filename)))
        return refuse(malformed("a name has a NUL in it"));
    in_file_ = part.is_file();
    std::size_t& count = in_file_ ? files_ : fields_;
    const std::size_t most = in_file_ ? limits_.max_files : limits_.max_fields;
    const std::string what = in_file_ ? "files" : "fields";
    if (++count > most) {
        return refuse("Too many " + what + ". Maximum number of " + what + " is " +
                      std::to_string(most) + ".");
    }
    return part;
}

MultipartParser::Step MultipartParser::content(std::string_view bytes) {
    const std::size_t size = delimiter_.size();
    std::size_t from = 0;
    while (true) {
        const void* const found =
            ::memmem(bytes.data() + from, bytes.size() - from, delimiter_.data(), size);
        if (found == nullptr) {
            // What may be the beginning of a delimiter comes again.
            const std::size_t done =
                std::max(from, bytes.size() - std::min(bytes.size(), size - 1));
            take_content(bytes.substr(0, done));
            return {.used = done};
        }
        const auto at = static_cast<std::size_t>(static_cast<const char*>(found) - bytes.data());
        const std::string_view behind = bytes.substr(at + size, 2);
        if (behind.size() < 2) {
            take_content(bytes.substr(0, at));
            return {.used = at};
        }
        // Another boundary may begin as this one does.
        if (behind != line_end && behind != "--") {
            from = at + 1;
            continue;
        }
        if (!take_content(bytes.substr(0, at))) return {.used = bytes.size()};
        receiver_.on_part_end(offset_ + at);
        state_ = State::behind_boundary;
        return {.used = at + size, .again = true};
    }
}

/// False when it is too much.
bool MultipartParser::take_content(std::string_view bytes) {
    if (in_file_) return true;
    text_size_ += bytes.size();
    if (text_size_ > limits_.max_part_size) {
        refuse("Part exceeded maximum size of " + std::to_string(limits_.max_part_size / 1024) +
               "KB.");
        return false;
    }
    texts_size_ += bytes.size();
    if (texts_size_ > limits_.max_text_size) {
        refuse("Fields exceeded maximum size of " + std::to_string(limits_.max_text_size / 1024) +
               "KB in all.");
        return false;
    }
    if (!bytes.empty()) receiver_.on_text(bytes);
    return true;
}

std::nullopt_t MultipartParser::refuse(std::string why) {
    state_ = State::failed;
    fault_ = std::move(why);
    return std::nullopt;
}

MultipartParser::Step MultipartParser::fail(const std::string& why) {
    refuse(malformed(why));
    return {};
}

}  // namespace signalbox::http
