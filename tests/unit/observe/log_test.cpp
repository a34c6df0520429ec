#include "signalbox/observe/log.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <climits>
#include <cmath>
#include <csignal>
#include <limits>
#include <random>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "support/eventually.hpp"
#include "support/log_lines.hpp"

namespace signalbox::observe {
namespace {

using namespace std::chrono_literals;
using test::log_lines;
using test::LogFile;
using test::LogLine;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::MatchesRegex;

constexpr std::string_view replaced = "\xEF\xBF\xBD";

class Pipe {
  public:
    Pipe() {
        if (::pipe2(ends_, O_CLOEXEC) != 0) throw std::runtime_error("pipe2");
    }
    ~Pipe() {
        close_reader();
        close_writer();
    }
    Pipe(const Pipe&) = delete;
    Pipe& operator=(const Pipe&) = delete;

    int writer() const { return ends_[1]; }
    void close_reader() { close(ends_[0]); }
    void close_writer() { close(ends_[1]); }

    /// Waits for more; empty at the end.
    std::string read_some() const {
        char chunk[65536];
        const ssize_t size = ::read(ends_[0], chunk, sizeof chunk);
        return {chunk, static_cast<std::size_t>(std::max<ssize_t>(size, 0))};
    }
    std::string read_to_end() const {
        std::string all;
        for (auto some = read_some(); !some.empty(); some = read_some())
            all += some;
        return all;
    }

  private:
    static void close(int& end) {
        if (end >= 0) ::close(end);
        end = -1;
    }
    int ends_[2] = {-1, -1};
};

std::string all_bytes() {
    std::string bytes;
    for (int value = 0; value < 256; ++value)
        bytes += static_cast<char>(value);
    return bytes;
}

/// The ASCII bytes of a text, which no replacing of what is not UTF-8 may touch.
std::string ascii_of(std::string_view text) {
    std::string ascii;
    std::copy_if(text.begin(), text.end(), std::back_inserter(ascii),
                 [](char c) { return c >= 0 && c < 0x7f; });
    return ascii;
}

std::string between_letters(std::string_view text) {
    std::string result;
    return result.append("a").append(text).append("z");
}

/// One line, as a log in this format writes it, with its end.
std::string written(LogFormat format, std::string_view body, Fields fields = {},
                    LogLevel level = LogLevel::info) {
    LogFile file;
    Log log({"orders", "1.2.3"}, LogLevel::trace, format, file.descriptor());
    log.write(level, body, fields);
    EXPECT_TRUE(log.close());
    EXPECT_EQ(log.dropped(), 0U);
    return file.text();
}

LogLine json_line(std::string_view body, Fields fields = {}, LogLevel level = LogLevel::info) {
    const auto lines = log_lines(written(LogFormat::json, body, fields, level));
    EXPECT_EQ(lines.size(), 1U);
    return lines.at(0);
}

/// How a value is spelled in JSON.
std::string spelled(const FieldValue& value) {
    const std::string text = json_line("x", {{"value", value}}).json();
    const std::size_t begin = text.find("\"value\":") + 8;
    return text.substr(begin, text.find(',', begin) - begin);
}

/// A copy for the tests that need many lines: a Log of its own for each would be a thread for each.
struct JsonLines {
    LogFile file;
    Log log{{"orders", "1.2.3"}, LogLevel::trace, LogFormat::json, file.descriptor()};

    std::vector<LogLine> take() {
        EXPECT_TRUE(log.close());
        EXPECT_EQ(log.dropped(), 0U);
        return log_lines(file.text());
    }
};

TEST(Log, writes_what_opentelemetry_wants_of_each_line) {
    const LogLine line = json_line("hello", {{"answer", std::int64_t{42}}}, LogLevel::warning);
    EXPECT_THAT(line.names(),
                ElementsAre("timestamp", "severity_text", "severity_number", "body", "answer",
                            "service.name", "service.version", "service.instance.id"));
    EXPECT_THAT(line.text("timestamp"),
                MatchesRegex("[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\\.[0-9]{6}Z"));
    EXPECT_EQ(line.text("body"), "hello");
    EXPECT_EQ(line.text("service.name"), "orders");
    EXPECT_EQ(line.text("service.version"), "1.2.3");
    EXPECT_THAT(line.text("service.version"), MatchesRegex("[0-9]+\\.[0-9]+\\.[0-9]+"));
    EXPECT_THAT(line.text("service.instance.id"),
                testing::EndsWith(":" + std::to_string(::getpid())));
}

TEST(Log, tells_the_time_in_utc) {
    using std::chrono::system_clock;
    EXPECT_EQ(format_time(system_clock::time_point()), "1970-01-01T00:00:00.000000Z");
    EXPECT_EQ(format_time(system_clock::time_point(1795330956s + 76'478us)),
              "2026-11-22T07:02:36.076478Z");
    EXPECT_EQ(format_time(system_clock::time_point(1709251199s + 999'999us)),
              "2024-02-29T23:59:59.999999Z");
    EXPECT_EQ(format_time(system_clock::time_point(-1us)), "1969-12-31T23:59:59.999999Z");
    const auto before = format_time(system_clock::now());
    const auto told = json_line("now").text("timestamp");
    EXPECT_LE(before, told);
    EXPECT_LE(told, format_time(system_clock::now()));
}

TEST(Log, names_severities_as_opentelemetry_does) {
    const struct {
        LogLevel level;
        std::string text;
        double number;
    } severities[] = {{LogLevel::trace, "TRACE", 1},  {LogLevel::debug, "DEBUG", 5},
                      {LogLevel::info, "INFO", 9},    {LogLevel::warning, "WARN", 13},
                      {LogLevel::error, "ERROR", 17}, {LogLevel::critical, "FATAL", 21}};
    for (const auto& [level, text, number] : severities) {
        const LogLine line = json_line("x", {}, level);
        EXPECT_EQ(line.text("severity_text"), text);
        EXPECT_EQ(line.number("severity_number"), number);
    }
}

TEST(Log, writes_from_its_level_up_and_the_level_can_be_changed) {
    LogFile file;
    Log log({"orders", "1.2.3"}, LogLevel::warning, LogFormat::json, file.descriptor());
    EXPECT_EQ(log.level(), LogLevel::warning);
    log.write(LogLevel::info, "too low");
    log.write(LogLevel::warning, "first");
    log.set_level(LogLevel::critical);
    EXPECT_FALSE(log.enabled(LogLevel::error));
    log.write(LogLevel::error, "too low");
    log.write(LogLevel::critical, "second");
    log.set_level(LogLevel::trace);
    log.write(LogLevel::trace, "third");
    ASSERT_TRUE(log.close());
    std::vector<std::string> bodies;
    for (const auto& line : log_lines(file.text()))
        bodies.push_back(line.text("body"));
    EXPECT_THAT(bodies, ElementsAre("first", "second", "third"));
}

TEST(Log, keeps_every_byte_of_a_body_and_a_value_that_json_can_hold) {
    JsonLines lines;
    for (int value = 0; value < 256; ++value) {
        const std::string text = between_letters(std::string(1, static_cast<char>(value)));
        lines.log.write(LogLevel::info, text, {{"value", std::string_view(text)}});
    }
    const auto read = lines.take();
    ASSERT_EQ(read.size(), 256U);
    for (int value = 0; value < 256; ++value) {
        const std::string byte(1, static_cast<char>(value));
        const std::string expected =
            between_letters(value < 0x80 ? std::string_view(byte) : replaced);
        EXPECT_EQ(read[static_cast<std::size_t>(value)].text("body"), expected) << value;
        EXPECT_EQ(read[static_cast<std::size_t>(value)].text("value"), expected) << value;
    }
    const std::string all = all_bytes();
    const LogLine line = json_line(all, {{"value", std::string_view(all)}});
    EXPECT_EQ(ascii_of(line.text("body")), ascii_of(all));
    EXPECT_EQ(line.text("value"), line.text("body"));
}

TEST(Log, is_valid_json_whatever_bytes_come) {
    std::mt19937 random(4711);
    const std::string likely = "\"\\\n\r\t{}[]:, \x7f\xc2\x80\xe2\x82\xac\xf0\x9f\x98\x80\xed\xa0";
    std::vector<std::string> sent;
    JsonLines lines;
    for (int i = 0; i < 4000; ++i) {
        std::string text(random() % 64, ' ');
        for (char& c : text) {
            c = random() % 2 == 0 ? static_cast<char>(random() % 256)
                                  : likely[random() % likely.size()];
        }
        lines.log.write(LogLevel::info, text, {{"value", std::string_view(text)}, {"end", true}});
        sent.push_back(std::move(text));
    }
    const auto read = lines.take();
    ASSERT_EQ(read.size(), sent.size());
    for (std::size_t i = 0; i < sent.size(); ++i) {
        EXPECT_EQ(ascii_of(read[i].text("body")), ascii_of(sent[i]));
        EXPECT_EQ(read[i].text("value"), read[i].text("body"));
        EXPECT_TRUE(read[i].boolean("end"));
    }
}

TEST(Log, leaves_what_is_utf8_as_it_is) {
    const std::string text = "Zoë 日本 \U0001F600 \u2028 \u0085 \U0010FFFF";
    EXPECT_EQ(json_line(text, {{"value", std::string_view(text)}}).text("body"), text);
    EXPECT_EQ(json_line("x", {{"value", std::string_view(text)}}).text("value"), text);
}

// A pipe of packets tells which bytes were written together (pipe(2), O_DIRECT).
TEST(Log, writes_whole_lines_at_once_where_another_process_writes_to_the_same_pipe) {
    int ends[2];
    ASSERT_EQ(::pipe2(ends, O_DIRECT | O_CLOEXEC), 0);
    constexpr std::size_t count = 100;
    std::string lines;
    for (std::size_t i = 0; i < count; ++i)
        lines.append(i % 10 == 0 ? 600 : 150, 'x').append("\n");
    lines.append(PIPE_BUF + 100, 'y').append("\n").append("z\n");
    {
        Log log({"orders", "1.2.3"}, LogLevel::info, LogFormat::json, ends[1]);
        log.share_output(true);
        log.write_lines(lines, count + 2);
    }
    ::close(ends[1]);
    std::string all;
    std::size_t torn = 0;
    char packet[PIPE_BUF];
    for (ssize_t size; (size = ::read(ends[0], packet, sizeof packet)) > 0;) {
        all.append(packet, static_cast<std::size_t>(size));
        torn += all.back() == '\n' ? 0 : 1;
    }
    ::close(ends[0]);
    EXPECT_EQ(all, lines);
    EXPECT_EQ(torn, 1U) << "the line that is longer than a pipe takes at once";
}

TEST(Log, writes_durations_in_seconds_with_microseconds) {
    EXPECT_EQ(spelled(0ns), "0.000000");
    EXPECT_EQ(spelled(1ns), "0.000000");
    EXPECT_EQ(spelled(499ns), "0.000000");
    EXPECT_EQ(spelled(501ns), "0.000001");
    EXPECT_EQ(spelled(1us), "0.000001");
    EXPECT_EQ(spelled(999'999us), "0.999999");
    EXPECT_EQ(spelled(999'999'600ns), "1.000000") << "the microseconds carry over";
    EXPECT_EQ(spelled(1500ms), "1.500000");
    EXPECT_EQ(spelled(5h), "18000.000000");
    EXPECT_EQ(spelled(-1ns), "0.000000") << "a clock that was read too early";
    EXPECT_EQ(spelled(-5h), "0.000000");
    EXPECT_EQ(spelled(std::chrono::nanoseconds::max()), "9223372036.854776");
    EXPECT_EQ(spelled(std::chrono::nanoseconds::min()), "0.000000");
}

TEST(Log, writes_numbers_and_booleans) {
    EXPECT_EQ(spelled(std::int64_t{0}), "0");
    EXPECT_EQ(spelled(std::numeric_limits<std::int64_t>::min()), "-9223372036854775808");
    EXPECT_EQ(spelled(std::numeric_limits<std::int64_t>::max()), "9223372036854775807");
    EXPECT_EQ(spelled(true), "true");
    EXPECT_EQ(spelled(false), "false");
    EXPECT_EQ(spelled(1.5), "1.5");
    EXPECT_EQ(spelled(-0.25), "-0.25");
    EXPECT_DOUBLE_EQ(json_line("x", {{"value", 1e300}}).number("value"), 1e300);
    EXPECT_EQ(spelled(std::nan("")), "null") << "JSON has no word for it";
    EXPECT_EQ(spelled(std::numeric_limits<double>::infinity()), "null");
    EXPECT_EQ(spelled(-std::numeric_limits<double>::infinity()), "null");
}

TEST(Log, escapes_the_names_of_fields) {
    const LogLine line = json_line("x", {{"a \"name\"\xff", true}});
    EXPECT_TRUE(line.boolean("a \"name\"\xEF\xBF\xBD"));
}

TEST(TextLog, reads_well) {
    EXPECT_THAT(written(LogFormat::text, "ready: serving",
                        {{"port", std::int64_t{8000}},
                         {"took", std::chrono::nanoseconds(1500ms)},
                         {"path", std::string_view("/a-b")},
                         {"name", std::string_view("Zoë, the 2nd")},
                         {"empty", std::string_view()},
                         {"equal", std::string_view("a=b")},
                         {"ok", true}}),
                MatchesRegex("[0-9-]{10}T[0-9:]{8}\\.[0-9]{6}Z INFO  ready: serving  port=8000  "
                             "took=1.500000  path=/a-b  name=\"Zoë, the 2nd\"  empty=\"\"  "
                             "equal=\"a=b\"  ok=true\n"));
    EXPECT_THAT(written(LogFormat::text, "grave", {}, LogLevel::critical),
                HasSubstr("Z FATAL grave\n"));
}

/// What a terminal might obey, or take for the end of the line: the C0 and C1 controls, the
/// latter as UTF-8 too, and bytes that are no UTF-8 at all.
void expect_harmless(const std::string& line, const std::string& input) {
    ASSERT_FALSE(line.empty());
    ASSERT_EQ(line.find('\n'), line.size() - 1) << testing::PrintToString(input);
    const std::string text = line.substr(0, line.size() - 1);
    EXPECT_TRUE(std::none_of(text.begin(), text.end(), [](char c) {
        return (c >= 0 && c < ' ') || c == 0x7f;
    })) << testing::PrintToString(line);
    for (std::size_t i = 0; i + 1 < text.size(); ++i) {
        const bool c1 = text[i] == '\xc2' && static_cast<unsigned char>(text[i + 1]) < 0xa0;
        EXPECT_FALSE(c1) << testing::PrintToString(line);
    }
    for (const char* mark : {"\u200e", "\u200f", "\u202a", "\u202b", "\u202c", "\u202d", "\u202e",
                             "\u2066", "\u2067", "\u2068", "\u2069"}) {
        EXPECT_EQ(text.find(mark), std::string::npos) << "it turns the direction of the line";
    }
    // Anything else that is not ASCII has to be proper UTF-8: a JSON reader tells.
    std::string json = "{\"text\":\"";
    std::copy_if(text.begin(), text.end(), std::back_inserter(json),
                 [](char c) { return c != '"' && c != '\\'; });
    EXPECT_NO_THROW(LogLine(json + "\"}")) << testing::PrintToString(line);
}

TEST(TextLog, is_one_line_an_event_and_harmless_to_a_terminal) {
    std::vector<std::string> inputs = {"two\nlines",
                                       "red \x1b[31m",
                                       "title \x1b]0;x\x07",
                                       "csi \xc2\x9b"
                                       "31m",
                                       "raw csi \x9b"
                                       "31m",
                                       "delete\x7f",
                                       "nel \xc2\x85",
                                       "back\b\b\b",
                                       "carriage\r",
                                       "\u202eturned\u2066",
                                       "\u2069\u200e\u200f\u202a\u202b\u202c\u202d\u2067\u2068",
                                       "cut short \xe2\x80",
                                       std::string("nul\0", 4),
                                       all_bytes()};
    for (int value = 0; value < 256; ++value) {
        inputs.push_back(between_letters(std::string(1, static_cast<char>(value))));
        inputs.push_back(between_letters(std::string{'\xc2', static_cast<char>(value)}));
    }
    std::mt19937 random(4711);
    for (int i = 0; i < 1000; ++i) {
        std::string& text = inputs.emplace_back(random() % 32, ' ');
        for (char& c : text)
            c = random() % 4 == 0 ? '\xc2' : static_cast<char>(random() % 256);
    }
    LogFile file;
    Log log({"orders", "1.2.3"}, LogLevel::trace, LogFormat::text, file.descriptor());
    for (const auto& input : inputs) {
        log.write(LogLevel::info, input);
        log.write(LogLevel::info, "x", {{"value", std::string_view(input)}});
    }
    ASSERT_TRUE(log.close());
    std::string text = file.text();
    for (const auto& input : inputs) {
        for (int i = 0; i < 2; ++i) {
            const std::size_t end = text.find('\n');
            ASSERT_NE(end, std::string::npos);
            expect_harmless(text.substr(0, end + 1), input);
            text.erase(0, end + 1);
        }
    }
    EXPECT_EQ(text, "");
}

/// What is seen as a space, changes what is before it, or is not seen at all: with it a value could
/// look like several fields, or like another value.
TEST(TextLog, cannot_be_forged_with_what_is_not_seen) {
    for (const std::string hidden :
         {"\u00a0",     "\u1680", "\u2000",     "\u2003", "\u200a", "\u202f",     "\u205f",
          "\u3000",                                                                // Zs
          "\u2028",     "\u2029",                                                  // Zl, Zp
          "\u0300",     "\u0489", "\u20dd",     "\u0903", "\ufe0f", "\U000e0100",  // M
          "\u00ad",     "\u200b", "\u200d",     "\u2060", "\ufeff", "\u061c",
          "\U000e0041",                          // Cf
          "\ue000",     "\ufdd0", "\U0010ffff",  // Co, Cn
          "\u115f",     "\u3164", "\uffa0",     "\u2800", "\ufffc", "\U00013441", "\U00013442",
          "\U0001d159"}) {  // seen as none
        const std::string text = "a" + hidden + hidden + "status=200";
        for (const std::string& line :
             {written(LogFormat::text, text),
              written(LogFormat::text, "x", {{"v", std::string_view(text)}})}) {
            EXPECT_EQ(line.find(hidden), std::string::npos) << testing::PrintToString(line);
            EXPECT_THAT(line, HasSubstr("\"a\\u"));
            EXPECT_THAT(line, HasSubstr("status=200\"\n"));
        }
    }
    EXPECT_THAT(written(LogFormat::text, "x\U000e0041"), HasSubstr("\"x\\udb40\\udc41\""));
    EXPECT_THAT(written(LogFormat::text, "\u00c5\u65e5\u20ac\u2026 \U0001f600"),
                HasSubstr(" \u00c5\u65e5\u20ac\u2026 \U0001f600\n"))
        << "letters and symbols are as they are";
}

TEST(Log, keeps_the_order_of_each_thread) {
    JsonLines lines;
    std::vector<std::thread> threads;
    for (int thread = 0; thread < 4; ++thread) {
        threads.emplace_back([&, thread] {
            const std::string name = std::to_string(thread);
            for (int i = 0; i < 1000; ++i) {
                lines.log.write(LogLevel::info, name, {{"number", std::int64_t{i}}});
            }
        });
    }
    for (auto& thread : threads)
        thread.join();
    double next[4] = {};
    for (const auto& line : lines.take())
        EXPECT_EQ(line.number("number"), next[std::stoi(line.text("body"))]++);
    EXPECT_THAT(next, ElementsAre(1000, 1000, 1000, 1000));
}

TEST(Log, writes_lines_that_are_made_beforehand) {
    JsonLines lines;
    std::string made;
    for (int i = 0; i < 3; ++i) {
        lines.log.begin_line(made, LogLevel::info, "line").add<"number">(std::int64_t{i});
        lines.log.end_line(made);
    }
    lines.log.write_lines(made, 3);
    const auto read = lines.take();
    ASSERT_EQ(read.size(), 3U);
    EXPECT_EQ(read[2].number("number"), 2);
}

TEST(Log, has_written_everything_when_it_is_closed) {
    Pipe pipe;
    std::string read;
    std::thread reader([&] { read = pipe.read_to_end(); });
    {
        Log log({"orders", "1.2.3"}, LogLevel::info, LogFormat::json, pipe.writer());
        for (int i = 0; i < 5000; ++i)
            log.write(LogLevel::info, "line");
        EXPECT_TRUE(log.close());
        EXPECT_TRUE(log.close()) << "once more is harmless";
        EXPECT_EQ(log.dropped(), 0U);
    }
    pipe.close_writer();
    reader.join();
    EXPECT_EQ(log_lines(read).size(), 5000U);
}

/// Nobody reads the pipe until all has been sent: the queue fills, and what has no place in it is
/// counted, line by line.
TEST(Log, counts_every_line_that_it_drops) {
    constexpr std::size_t threads = 4, messages = 5000, batch = 3;
    Pipe pipe;
    Log log({"orders", "1.2.3"}, LogLevel::info, LogFormat::json, pipe.writer());
    std::vector<std::thread> writers;
    for (std::size_t thread = 0; thread < threads; ++thread) {
        writers.emplace_back([&log, thread] {
            std::string lines;
            for (std::size_t i = 0; i < batch; ++i) {
                log.begin_line(lines, LogLevel::info, "batch");
                log.end_line(lines);
            }
            for (std::size_t i = 0; i < messages; ++i) {
                if (thread % 2 == 0) {
                    log.write(LogLevel::info, "line");
                } else {
                    log.write_lines(lines, batch);
                }
            }
        });
    }
    for (auto& writer : writers)
        writer.join();
    EXPECT_GT(log.dropped(), 0U);
    std::string read;
    std::thread reader([&] { read = pipe.read_to_end(); });
    EXPECT_TRUE(test::eventually([&] { return log.close(); }));
    pipe.close_writer();
    reader.join();
    const std::size_t sent = threads / 2 * messages * (1 + batch);
    const std::size_t arrived = log_lines(read).size();
    EXPECT_LT(arrived, sent);
    EXPECT_EQ(arrived + log.dropped(), sent);
}

TEST(Log, bounds_what_waits_in_bytes_too) {
    constexpr std::size_t messages = 400;
    constexpr std::size_t batch = 60;
    Pipe pipe;
    Log log({"orders", "1.2.3"}, LogLevel::info, LogFormat::json, pipe.writer());
    std::string lines;
    for (std::size_t i = 0; i < batch; ++i) {
        log.begin_line(lines, LogLevel::info, std::string(1500, 'x'));
        log.end_line(lines);
    }
    ASSERT_GT(lines.size(), 90'000U);
    for (std::size_t i = 0; i < messages; ++i)
        log.write_lines(lines, batch);
    EXPECT_GT(log.dropped(), messages * batch / 2) << "40 MB wait for a reader that may never come";
    std::string read;
    std::thread reader([&] { read = pipe.read_to_end(); });
    EXPECT_TRUE(test::eventually([&] { return log.close(); }, std::chrono::minutes(2)));
    pipe.close_writer();
    reader.join();
    EXPECT_EQ(log_lines(read).size() + log.dropped(), messages * batch);
}

constexpr std::size_t longest_line = 8 * 1024;

TEST(Log, has_no_line_that_a_container_runtime_would_tear_apart) {
    const std::vector<std::string> long_texts{std::string(100'000, 'x'),
                                              std::string(100'000, '\n'),
                                              std::string(100'000, '"'),
                                              std::string(100'000, '\0'),
                                              std::string(100'000, '\xff'),
                                              [] {
                                                  std::string text;
                                                  for (int i = 0; i < 30'000; ++i)
                                                      text += "\u0085\u200b\u20ac";
                                                  return text;
                                              }()};
    for (const LogFormat format : {LogFormat::json, LogFormat::text}) {
        for (const std::string& text : long_texts) {
            const std::string_view value = text;
            const std::string line = written(format, text,
                                             {{"a", value},
                                              {"b", value},
                                              {"c", value},
                                              {"d", value},
                                              {"e", value},
                                              {"f", value},
                                              {"g", true},
                                              {value, true}});
            EXPECT_LE(line.size(), longest_line);
            EXPECT_GT(line.size(), longest_line / 2);
            EXPECT_THAT(line, HasSubstr(" bytes more)"));
            EXPECT_THAT(line, HasSubstr("log.incomplete"));
        }
    }
}

TEST(Log, cuts_a_long_text_with_a_mark_and_leaves_the_fields_behind_it) {
    const std::string text = std::string(1900, 'x') + std::string(5000, 'y');
    const LogLine line =
        json_line("x", {{"long", std::string_view(text)}, {"behind", std::string_view("it")}});
    const std::string cut = line.text("long");
    EXPECT_TRUE(cut.starts_with(std::string(1900, 'x')));
    EXPECT_LE(cut.size(), 2048U);
    const std::size_t kept = cut.find("\u2026");
    ASSERT_NE(kept, std::string::npos);
    EXPECT_EQ(cut.substr(kept), "\u2026 (" + std::to_string(text.size() - kept) + " bytes more)");
    EXPECT_EQ(line.text("behind"), "it");
    EXPECT_FALSE(line.has("log.incomplete"));
    const std::string fits(2000, 'x');
    EXPECT_EQ(json_line("x", {{"fits", std::string_view(fits)}}).text("fits"), fits);
}

TEST(Log, cuts_no_character_in_two) {
    for (const std::string character : {"\u00e9", "\u20ac", "\U0001F600"}) {
        for (std::size_t before = 0; before < 4; ++before) {
            std::string text(before, 'x');
            while (text.size() < 8000)
                text += character;
            const std::string cut = json_line("x", {{"v", std::string_view(text)}}).text("v");
            EXPECT_EQ(cut.find(replaced), std::string::npos);
            EXPECT_TRUE(text.starts_with(cut.substr(0, cut.find("\u2026"))));
        }
    }
}

TEST(Log, bounds_a_line_of_many_fields) {
    LogFile file;
    {
        Log log({"orders", "1.2.3"}, LogLevel::info, LogFormat::json, file.descriptor());
        std::string lines;
        for (int n = 0; n < 3; ++n) {
            Line line = log.begin_line(lines, LogLevel::info, "many");
            for (int i = 0; i < 1000; ++i)
                line.add({"name" + std::to_string(i), std::int64_t{i}});
            log.end_line(lines);
        }
        log.write_lines(lines, 3);
    }
    const auto lines = log_lines(file.text());
    ASSERT_EQ(lines.size(), 3U);
    for (const LogLine& line : lines) {
        EXPECT_LE(line.json().size(), longest_line);
        EXPECT_EQ(line.number("name100"), 100);
        EXPECT_TRUE(line.boolean("log.incomplete"));
        EXPECT_EQ(line.text("service.name"), "orders");
    }
}

/// As a disk that is full in the middle of a line.
TEST(Log, begins_a_line_of_its_own_behind_one_that_was_torn) {
    rlimit before{};
    ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
    const auto handler = std::signal(SIGXFSZ, SIG_IGN);
    LogFile file;
    Log log({"orders", "1.2.3"}, LogLevel::info, LogFormat::json, file.descriptor());
    log.write(LogLevel::info, "first");
    ASSERT_TRUE(test::eventually([&] { return file.text().ends_with('\n'); }));
    const std::size_t line = file.text().size();
    const auto allow = [&before](std::size_t size) {
        const rlimit limit{.rlim_cur = size, .rlim_max = before.rlim_max};
        return ::setrlimit(RLIMIT_FSIZE, &limit) == 0;
    };
    ASSERT_TRUE(allow(line + line / 2));
    log.write(LogLevel::info, "torn");
    ASSERT_TRUE(test::eventually([&] { return log.dropped() == 1; }));
    log.write(LogLevel::info, "lost");
    ASSERT_TRUE(test::eventually([&] { return log.dropped() == 2; }));
    ASSERT_TRUE(allow(before.rlim_cur));
    log.write(LogLevel::info, "third");
    log.write(LogLevel::info, "fourth");
    EXPECT_TRUE(log.close());
    std::signal(SIGXFSZ, handler);
    EXPECT_EQ(log.dropped(), 2U);
    std::vector<std::string> bodies;
    std::size_t torn = 0;
    std::istringstream lines(file.text());
    for (std::string text; std::getline(lines, text);) {
        try {
            bodies.push_back(LogLine(text).text("body"));
        } catch (const std::runtime_error&) {
            ++torn;
        }
    }
    EXPECT_THAT(bodies, ElementsAre("first", "third", "fourth"));
    EXPECT_EQ(torn, 1U);
}

/// Of a write that is torn some lines are whole.
TEST(Log, counts_of_many_lines_that_are_torn_only_those_that_are_not_there) {
    rlimit before{};
    ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
    const auto handler = std::signal(SIGXFSZ, SIG_IGN);
    LogFile file;
    Log log({"orders", "1.2.3"}, LogLevel::info, LogFormat::json, file.descriptor());
    const rlimit limit{.rlim_cur = 25, .rlim_max = before.rlim_max};
    ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &limit), 0);
    log.write_lines("123456789\n123456789\n123456789\n123456789\n", 4);
    ASSERT_TRUE(test::eventually([&] { return log.dropped() > 0; }));
    ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
    EXPECT_TRUE(log.close());
    std::signal(SIGXFSZ, handler);
    EXPECT_EQ(log.dropped(), 2U);
    EXPECT_EQ(file.text(), "123456789\n123456789\n12345");
}

TEST(Log, makes_nobody_wait_for_a_reader_that_does_not_come) {
    constexpr std::size_t messages = 20'000;
    Pipe pipe;
    Log log({"orders", "1.2.3"}, LogLevel::info, LogFormat::json, pipe.writer());
    for (std::size_t i = 0; i < messages; ++i)
        log.write(LogLevel::info, "line");
    EXPECT_FALSE(log.close());
    // Its thread still waits, and writes what it has when somebody does come.
    std::string read;
    while (log_lines(read).size() + log.dropped() < messages) {
        const std::string some = pipe.read_some();
        ASSERT_FALSE(some.empty());
        read += some;
    }
    EXPECT_EQ(log_lines(read).size() + log.dropped(), messages);
}

TEST(Log, counts_what_a_reader_that_went_away_did_not_get) {
    const auto before = std::signal(SIGPIPE, SIG_IGN);  // as the service does
    Pipe pipe;
    pipe.close_reader();
    Log log({"orders", "1.2.3"}, LogLevel::info, LogFormat::json, pipe.writer());
    for (int i = 0; i < 1000; ++i)
        log.write(LogLevel::info, "line");
    log.write_lines("a\nb\nc\n", 3);
    EXPECT_TRUE(log.close());
    EXPECT_EQ(log.dropped(), 1003U);
    std::signal(SIGPIPE, before);
}

TEST(Log, waits_for_a_pipe_that_a_neighbour_made_non_blocking) {
    Pipe pipe;
    ASSERT_EQ(::fcntl(pipe.writer(), F_SETFL, O_NONBLOCK), 0);
    Log log({"orders", "1.2.3"}, LogLevel::info, LogFormat::json, pipe.writer());
    for (int i = 0; i < 5000; ++i)
        log.write(LogLevel::info, "line");
    std::string read;
    std::thread reader([&] { read = pipe.read_to_end(); });
    EXPECT_TRUE(log.close());
    pipe.close_writer();
    reader.join();
    EXPECT_EQ(log.dropped(), 0U);
    EXPECT_EQ(log_lines(read).size(), 5000U);
}

}  // namespace
}  // namespace signalbox::observe
