#include "support/log_lines.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <set>
#include <stdexcept>
#include <system_error>

#include "signalbox/fast/json_string.hpp"
#include "support/eventually.hpp"
#include "support/service.hpp"

namespace signalbox::test {

namespace {

std::string_view as_view(const rapidjson::Value& string) {
    return {string.GetString(), string.GetStringLength()};
}

/// Each complete line of a text, without its end.
template <class Sink>
void for_each_line(std::string_view text, Sink sink) {
    for (std::size_t end = text.find('\n'); end != std::string_view::npos; end = text.find('\n')) {
        sink(text.substr(0, end));
        text.remove_prefix(end + 1);
    }
}

}  // namespace

LogLine::LogLine(std::string_view text) : json_(text) {
    auto document = std::make_shared<rapidjson::Document>();
    document->Parse<rapidjson::kParseValidateEncodingFlag>(json_.data(), json_.size());
    if (document->HasParseError() || !document->IsObject()) {
        throw std::runtime_error("no JSON object: " + json_);
    }
    document_ = document;
    const auto all = names();
    if (std::set<std::string>(all.begin(), all.end()).size() != all.size()) {
        throw std::runtime_error("a member is there twice: " + json_);
    }
}

const rapidjson::Value& LogLine::member(std::string_view name) const {
    const auto found = document_->FindMember(std::string(name));
    if (found == document_->MemberEnd()) {
        throw std::runtime_error("no " + std::string(name) + " in " + json_);
    }
    return found->value;
}

bool LogLine::has(std::string_view name) const {
    return document_->HasMember(std::string(name));
}

std::string LogLine::text(std::string_view name) const {
    const rapidjson::Value& value = member(name);
    if (!value.IsString()) throw std::runtime_error(std::string(name) + " is no text: " + json_);
    return std::string(as_view(value));
}

double LogLine::number(std::string_view name) const {
    const rapidjson::Value& value = member(name);
    if (!value.IsNumber()) throw std::runtime_error(std::string(name) + " is no number: " + json_);
    return value.GetDouble();
}

bool LogLine::boolean(std::string_view name) const {
    const rapidjson::Value& value = member(name);
    if (!value.IsBool()) throw std::runtime_error(std::string(name) + " is no boolean: " + json_);
    return value.GetBool();
}

std::vector<std::string> LogLine::names() const {
    std::vector<std::string> names;
    for (const auto& member : document_->GetObject())
        names.emplace_back(as_view(member.name));
    return names;
}

std::vector<LogLine> log_lines(std::string_view output) {
    std::vector<LogLine> lines;
    for_each_line(output, [&](std::string_view line) { lines.emplace_back(line); });
    return lines;
}

std::vector<LogLine> log_lines_with(std::string_view output, std::string_view name,
                                    std::string_view value) {
    // Most lines are of other requests, and need not be parsed to see that.
    const std::string written = json_string(value);
    std::vector<LogLine> lines;
    for_each_line(output, [&](std::string_view text) {
        if (text.find(written) == std::string_view::npos) return;
        LogLine line(text);
        if (line.has(name) && line.text(name) == value) lines.push_back(std::move(line));
    });
    return lines;
}

LogLine wait_for_line(const Process& process, std::string_view name, std::string_view value) {
    std::vector<LogLine> found;
    if (!eventually([&] {
            found = log_lines_with(process.output(), name, value);
            return !found.empty();
        })) {
        throw std::runtime_error("no line with " + std::string(name) + " " + std::string(value) +
                                 " in " + process.output());
    }
    return found.front();
}

LogFile::LogFile() : descriptor_(::memfd_create("log", MFD_CLOEXEC)) {
    if (descriptor_ < 0) throw std::system_error(errno, std::generic_category(), "memfd_create");
}

LogFile::~LogFile() {
    ::close(descriptor_);
}

std::string LogFile::text() const {
    std::string text;
    char chunk[65536];
    while (true) {
        const ssize_t size =
            ::pread(descriptor_, chunk, sizeof chunk, static_cast<off_t>(text.size()));
        if (size <= 0) return text;
        text.append(chunk, static_cast<std::size_t>(size));
    }
}

}  // namespace signalbox::test
