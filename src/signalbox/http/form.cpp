#include "signalbox/http/form.hpp"

#include "signalbox/fast/json_string.hpp"
#include "signalbox/http/errors.hpp"
#include "signalbox/http/query.hpp"
#include "signalbox/latin_1.hpp"

namespace signalbox::http {

namespace {

constexpr int bad_request = 400;

}  // namespace

FormReader::FormReader(std::optional<std::string_view> content_type, const FormLimits& limits)
    : limits_(limits) {
    const auto type = parse_header_with_parameters(content_type.value_or(""));
    if (type.value == "application/x-www-form-urlencoded") {
        encoding_ = FormEncoding::urlencoded;
    } else if (type.value == "multipart/form-data") {
        encoding_ = FormEncoding::multipart;
        const std::string* const boundary = type.find("boundary");
        if (boundary == nullptr) throw HttpError(bad_request, "Missing boundary in multipart.");
        if (!is_boundary(*boundary)) {
            throw HttpError(bad_request,
                            "There was an error parsing the body: the boundary is none (RFC 2046, "
                            "section 5.1.1)");
        }
        if (const std::string* const charset = type.find("charset")) {
            const std::string name = parse_header_with_parameters(*charset).value;
            utf8_ = name == "utf-8" || name == "utf8" || name == "us-ascii" || name == "ascii";
        }
        parser_.emplace(*boundary, limits_, static_cast<PartReceiver&>(*this));
    }
}

std::size_t FormReader::feed(std::string_view bytes) {
    switch (encoding_) {
        case FormEncoding::none:
            return bytes.size();
        case FormEncoding::multipart: {
            const std::size_t used = parser_->feed(bytes);
            throw_if_faulty();
            return used;
        }
        case FormEncoding::urlencoded:
            break;
    }
    QueryReader reader(bytes);
    while (reader.next()) {
        if (fields_.size() == limits_.max_fields) {
            throw HttpError(bad_request, "Too many fields. Maximum number of fields is " +
                                             std::to_string(limits_.max_fields) + ".");
        }
        if (reader.name().size() > limits_.max_name) {
            throw HttpError(bad_request,
                            "There was an error parsing the body: a name has more "
                            "than " +
                                std::to_string(limits_.max_name) + " bytes");
        }
        fields_.push_back(
            {.name = std::string(reader.name()), .text = std::string(reader.value())});
    }
    return bytes.size();
}

std::vector<FormField> FormReader::end() {
    if (parser_) {
        parser_->end();
        throw_if_faulty();
    }
    return std::move(fields_);
}

void FormReader::on_part(PartHead head, std::uint64_t offset) {
    FormField field{.name = decoded(std::move(head.name)), .text = {}};
    if (head.filename) {
        field.file.emplace(FormField::File{.filename = decoded(std::move(*head.filename)),
                                           .headers = {},
                                           .offset = offset,
                                           .size = 0});
        // A header's bytes are characters each, as those of a request (ISO 8859-1).
        for (auto& [name, value] : head.headers)
            field.file->headers.emplace_back(std::move(name), from_latin_1(value));
    }
    fields_.push_back(std::move(field));
}

void FormReader::on_text(std::string_view bytes) {
    fields_.back().text += bytes;
}

void FormReader::on_part_end(std::uint64_t offset) {
    FormField& field = fields_.back();
    if (field.file) {
        field.file->size = offset - field.file->offset;
    } else {
        field.text = decoded(std::move(field.text));
    }
}

// NOLINTNEXTLINE(performance-unnecessary-value-param): it is given back
std::string FormReader::decoded(std::string text) const {
    std::string utf8;
    if (utf8_) append_utf8(utf8, text);
    return utf8_ && utf8 == text ? text : from_latin_1(text);
}

void FormReader::throw_if_faulty() const {
    if (!parser_->fault().empty()) throw HttpError(bad_request, parser_->fault());
}

}  // namespace signalbox::http
