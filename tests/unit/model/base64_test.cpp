#include "signalbox/model/base64.hpp"

#include <gtest/gtest.h>

#include <string>
#include <utility>

#include "signalbox/model/reader.hpp"
#include "signalbox/model/type.hpp"

namespace signalbox::model {
namespace {

// RFC 4648, section 10.
const std::pair<std::string, std::string> vectors[]{{"", ""},
                                                    {"f", "Zg=="},
                                                    {"fo", "Zm8="},
                                                    {"foo", "Zm9v"},
                                                    {"foob", "Zm9vYg=="},
                                                    {"fooba", "Zm9vYmE="},
                                                    {"foobar", "Zm9vYmFy"}};

TEST(Base64, is_that_of_the_rfc) {
    for (const auto& [bytes, text] : vectors) {
        std::string written;
        append_base64(written, bytes);
        EXPECT_EQ(written, text);
        EXPECT_EQ(decode_base64(text), bytes);
    }
    std::string every_byte, text;
    for (int byte = 0; byte < 256; ++byte)
        every_byte += static_cast<char>(byte);
    append_base64(text, every_byte);
    EXPECT_EQ(decode_base64(text), every_byte);
}

TEST(Base64, that_is_none_is_refused) {
    for (const char* const broken : {"Z", "Zg", "Zg=", "Zg=a", "Zm9v\n", "Zm 9", "Zm9_", "===="})
        EXPECT_EQ(decode_base64(broken), std::nullopt) << broken;
}

struct Picture {
    Bytes data;
};

TEST(Bytes, are_base64_in_json) {
    EXPECT_EQ(to_json(Picture{{std::string("\0\xff", 2)}}), R"({"data":"AP8="})");
    EXPECT_EQ(from_json<Picture>(R"({"data":"AP8="})").data.data, std::string("\0\xff", 2));
}

std::string fault_of(std::string_view text) {
    Bytes bytes;
    ValidationErrors errors;
    read_text(text, type_of<Bytes>, &bytes, {.name = "data"}, errors);
    return errors.empty() ? ""
                          : std::string(errors.list().front().type) + ": " +
                                std::string(errors.list().front().msg);
}

TEST(Bytes, that_are_no_base64_say_so) {
    EXPECT_EQ(fault_of("AP8="), "");
    EXPECT_EQ(fault_of("AP8"), "base64_decode: Base64 decoding error: 'Incorrect padding'");
    EXPECT_EQ(fault_of("AP_="),
              "base64_decode: Base64 decoding error: 'Only base64 data is allowed'");
    EXPECT_THROW(from_json<Picture>(R"({"data":1})"), InvalidJson);
}

}  // namespace
}  // namespace signalbox::model
