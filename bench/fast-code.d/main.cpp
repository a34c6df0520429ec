// Does one thing so many times, by our code or by a library's: bench/fast-code counts what it
// costs.

#include <fmt/format.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <map>
#include <random>
#include <string>
#include <string_view>

#include "signalbox/fast/json_string.hpp"
#include "signalbox/fast/json_writer.hpp"
#include "signalbox/fast/random.hpp"

namespace {

/// Keeps the compiler from leaving out what makes it.
void use(std::string_view text) {
    asm volatile("" : : "r"(text.data()), "r"(text.size()) : "memory");
}

// What a request has to have: a trace's id and a span's.

void random_hex_ours() {
    std::array<char, 48> digits{};
    signalbox::fill_with_random_hex(digits);
    use({digits.data(), digits.size()});
}

void random_hex_library() {
    static std::mt19937_64 engine(std::random_device{}());
    std::array<char, 48> digits{};
    fmt::format_to(digits.data(), "{:016x}{:016x}{:016x}", engine(), engine(), engine());
    use({digits.data(), digits.size()});
}

// Texts of an access line.

constexpr std::string_view agent =
    "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0";
constexpr std::string_view name = "J\xC3\xBCrgen \"Jo\" M\xC3\xBCller";

void json_string_ours() {
    static std::string text;
    text.clear();
    signalbox::append_json_string(text, agent);
    signalbox::append_json_string(text, name);
    use(text);
}

void json_string_library() {
    static rapidjson::StringBuffer text;
    text.Clear();
    // Both check that it is UTF-8, as what is logged comes from clients.
    rapidjson::Writer<rapidjson::StringBuffer, rapidjson::UTF8<>, rapidjson::UTF8<>,
                      rapidjson::CrtAllocator, rapidjson::kWriteValidateEncodingFlag>
        writer(text);
    writer.StartArray();
    writer.String(agent.data(), agent.size());
    writer.String(name.data(), name.size());
    use({text.GetString(), text.GetSize()});
}

// What an access line has besides.

void json_object_ours() {
    static std::string text;
    text.clear();
    signalbox::JsonWriter json(text);
    json.begin_object();
    json.key<"http.request.method">().value("GET");
    json.key<"http.response.status_code">().value(200);
    json.key<"http.response.body.size">().value(std::size_t{18'433});
    json.key<"duration_s">().value(std::chrono::nanoseconds(1'234'567));
    json.end_object();
    use(text);
}

void json_object_library() {
    static rapidjson::StringBuffer text;
    text.Clear();
    rapidjson::Writer<rapidjson::StringBuffer> json(text);
    json.StartObject();
    json.Key("http.request.method");
    json.String("GET");
    json.Key("http.response.status_code");
    json.Int(200);
    json.Key("http.response.body.size");
    json.Uint64(18'433);
    json.Key("duration_s");
    json.Double(0.001235);
    json.EndObject();
    use({text.GetString(), text.GetSize()});
}

const std::map<std::string_view, void (*)()> works{
    {"random_hex_ours", random_hex_ours},   {"random_hex_library", random_hex_library},
    {"json_string_ours", json_string_ours}, {"json_string_library", json_string_library},
    {"json_object_ours", json_object_ours}, {"json_object_library", json_object_library}};

}  // namespace

int main(int argc, char** argv) {
    const auto work = argc == 3 ? works.find(argv[1]) : works.end();
    if (work == works.end()) {
        std::cerr << "fast-code WORK COUNT\n";
        return 2;
    }
    for (int i = std::atoi(argv[2]); i > 0; --i)
        work->second();
    return 0;
}
