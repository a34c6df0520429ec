#include "support/prometheus.hpp"

#include <rapidjson/document.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cmath>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <limits>
#include <stdexcept>
#include <system_error>

#include "signalbox/testing/spawn.hpp"
#include "support/eventually.hpp"
#include "support/files.hpp"
#include "support/http_client.hpp"
#include "support/paths.hpp"

namespace signalbox::test {

namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

bool is_letter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

/// A number as Prometheus writes it, also `+Inf` and `NaN`.
std::optional<double> parse_number(std::string_view text) {
    if (text == "+Inf") return std::numeric_limits<double>::infinity();
    if (text == "-Inf") return -std::numeric_limits<double>::infinity();
    if (text == "NaN") return std::numeric_limits<double>::quiet_NaN();
    double value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    // from_chars knows words of its own.
    if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
    if (!std::isfinite(value)) return std::nullopt;
    return value;
}

/// Reads the text line by line, and checks a family when the next one begins.
class MetricsParser {
  public:
    explicit MetricsParser(std::string_view text) : rest_(text) {}

    Samples parse() {
        while (!rest_.empty()) {
            const std::size_t end = rest_.find('\n');
            if (end == std::string_view::npos) fail("the last line has no end");
            line_ = left_ = rest_.substr(0, end);
            rest_.remove_prefix(end + 1);
            if (left_.starts_with("# HELP ")) {
                help();
            } else if (left_.starts_with("# TYPE ")) {
                type();
            } else if (!left_.empty() && left_.front() != '#') {
                sample();
            }
        }
        end_family();
        return std::move(samples_);
    }

  private:
    [[noreturn]] void fail(const std::string& what) const {
        throw std::runtime_error(what + ": " + std::string(line_));
    }

    std::string name(bool with_colons) {
        std::size_t size = 0;
        while (size < left_.size() &&
               (is_letter(left_[size]) || (with_colons && left_[size] == ':') ||
                (size > 0 && is_digit(left_[size])))) {
            ++size;
        }
        if (size == 0) fail("a name was expected at '" + std::string(left_) + "'");
        const std::string result(left_.substr(0, size));
        left_.remove_prefix(size);
        return result;
    }

    void take(std::string_view text) {
        if (!left_.starts_with(text)) fail("'" + std::string(text) + "' was expected");
        left_.remove_prefix(text.size());
    }

    void begin_family(const std::string& name) {
        if (name == family_) return;
        end_family();
        if (!families_.insert(name).second) fail("a family comes in pieces");
        family_ = name;
        type_.clear();
        has_help_ = false;
    }

    void help() {
        take("# HELP ");
        begin_family(name(true));
        take(" ");
        if (std::exchange(has_help_, true)) fail("a second HELP");
    }

    void type() {
        take("# TYPE ");
        begin_family(name(true));
        take(" ");
        if (!type_.empty()) fail("a second TYPE");
        if (samples_.size() > first_of_family_) fail("a TYPE behind its samples");
        type_ = left_;
        const auto types = {"counter", "gauge", "histogram", "summary", "untyped"};
        if (std::find(types.begin(), types.end(), type_) == types.end()) fail("an unknown type");
    }

    std::string label_value() {
        take("\"");
        std::string value;
        while (!left_.empty() && left_.front() != '"') {
            if (left_.front() != '\\') {
                value += left_.front();
            } else {
                left_.remove_prefix(1);
                if (left_.starts_with('n')) {
                    value += '\n';
                } else if (left_.starts_with('\\') || left_.starts_with('"')) {
                    value += left_.front();
                } else {
                    fail("an unknown escape");
                }
            }
            left_.remove_prefix(1);
        }
        take("\"");
        return value;
    }

    void sample() {
        Sample sample{.name = name(true)};
        if (left_.starts_with('{')) {
            take("{");
            while (!left_.starts_with('}')) {
                const std::string label = name(false);
                take("=");
                if (!sample.labels.emplace(label, label_value()).second) fail("a label twice");
                if (!left_.starts_with('}')) take(",");
            }
            take("}");
        }
        take(" ");
        const std::size_t space = left_.find(' ');
        const auto value = parse_number(left_.substr(0, space));
        if (!value) fail("not a number");
        sample.value = *value;
        if (space != std::string_view::npos) fail("a timestamp, which Signalbox never writes");

        if (!belongs_to_family(sample.name)) begin_family(sample.name);
        if (type_ == "counter" && !(sample.value >= 0)) fail("a counter below zero");
        if (!known_.emplace(sample.name, sample.labels).second) fail("the same series twice");
        samples_.push_back(std::move(sample));
    }

    bool belongs_to_family(const std::string& name) const {
        if (type_ != "histogram") return name == family_;
        return name == family_ + "_bucket" || name == family_ + "_sum" ||
               name == family_ + "_count";
    }

    void end_family() {
        if (type_ == "histogram") check_histograms();
        first_of_family_ = samples_.size();
    }

    void check_histograms() const {
        struct Histogram {
            double bound = -std::numeric_limits<double>::infinity();
            double bucket = 0;
            std::optional<double> count{};
            bool sum = false;
        };
        std::map<Labels, Histogram> histograms;
        for (std::size_t i = first_of_family_; i < samples_.size(); ++i) {
            Labels labels = samples_[i].labels;
            const auto le = labels.extract("le");
            Histogram& histogram = histograms[labels];
            const double value = samples_[i].value;
            if (samples_[i].name == family_ + "_sum") {
                histogram.sum = true;
            } else if (samples_[i].name == family_ + "_count") {
                histogram.count = value;
            } else {
                const auto bound = le ? parse_number(le.mapped()) : std::nullopt;
                if (!bound || !(*bound > histogram.bound)) fail(family_ + ": bounds do not rise");
                if (value < histogram.bucket) fail(family_ + ": buckets are not cumulative");
                histogram.bound = *bound;
                histogram.bucket = value;
            }
        }
        for (const auto& [labels, histogram] : histograms) {
            if (!histogram.sum || !histogram.count) fail(family_ + ": no _sum or no _count");
            if (!(histogram.bound > 0 && std::isinf(histogram.bound))) {
                fail(family_ + ": no bucket for +Inf");
            }
            if (histogram.bucket != *histogram.count) fail(family_ + ": not all are in a bucket");
        }
    }

    std::string_view rest_;  ///< lines to come
    std::string_view line_;  ///< the present one, for messages
    std::string_view left_;  ///< what is left of it
    Samples samples_;
    std::set<std::pair<std::string, Labels>> known_;
    std::set<std::string> families_;
    std::string family_;
    std::string type_;
    bool has_help_ = false;
    std::size_t first_of_family_ = 0;
};

void write_config(const fs::path& file, const std::vector<int>& admin_ports) {
    std::ofstream config(file);
    config
        << "global: {scrape_interval: 500ms, scrape_timeout: 500ms, evaluation_interval: 500ms}\n"
        << "rule_files: ['" << source_folder() << "/observability/prometheus/rules/*.yml', '"
        << source_folder() << "/observability/prometheus/services/*.yml']\n"
        << "scrape_configs:\n"
        << "  - job_name: signalbox\n"
        << "    static_configs: [{targets: [";
    for (const int port : admin_ports)
        config << "'127.0.0.1:" << port << "', ";
    config << "]}]\n";
    if (!config.flush()) throw std::runtime_error("cannot write " + file.string());
}

std::string percent_encoded(std::string_view text) {
    static constexpr std::string_view digits = "0123456789ABCDEF";
    std::string result;
    for (const char c : text) {
        if (is_letter(c) || is_digit(c)) {
            result += c;
        } else {
            const auto byte = static_cast<unsigned char>(c);
            result += '%';
            result += digits[byte >> 4];
            result += digits[byte & 15];
        }
    }
    return result;
}

/// The answer of Prometheus's API; throws with its message when it is an error.
rapidjson::Document ask(const std::string& url) {
    const HttpResponse response = get(url);
    rapidjson::Document answer;
    answer.Parse(response.body.c_str());
    if (response.status != 200 || !answer.IsObject()) {
        throw std::runtime_error("Prometheus answers " + std::to_string(response.status) + ": " +
                                 response.body);
    }
    return answer;
}

double second_of(const rapidjson::Value& time_and_value) {
    const auto value = parse_number(time_and_value[1].GetString());
    if (!value) throw std::runtime_error("Prometheus answers with something that is no number");
    return *value;
}

}  // namespace

Samples parse_metrics(std::string_view text) {
    return MetricsParser(text).parse();
}

double total(const Samples& samples, std::string_view name, const Labels& labels) {
    double sum = 0;
    for (const Sample& sample : samples) {
        const bool matches = std::all_of(labels.begin(), labels.end(), [&](const auto& wanted) {
            const auto label = sample.labels.find(wanted.first);
            return label != sample.labels.end() && label->second == wanted.second;
        });
        if (sample.name == name && matches) sum += sample.value;
    }
    return sum;
}

std::set<std::pair<std::string, Labels>> series(const Samples& samples) {
    std::set<std::pair<std::string, Labels>> result;
    for (const Sample& sample : samples)
        result.emplace(sample.name, sample.labels);
    return result;
}

const fs::path& prometheus_folder() {
    static const fs::path folder = [] {
        const fs::path work = new_folder("prometheus");
        SpawnOptions options;
        // A Prometheus in the developer's PATH counts, as it does for `make`.
        const char* path = std::getenv("PATH");
        options.arguments = {"/usr/bin/env",
                             "PATH=" + std::string(path != nullptr ? path : "/usr/bin:/bin"),
                             source_folder() + "/scripts/prometheus"};
        options.output = work / "output";
        options.dies_with_caller = true;
        const pid_t script = spawn(options);
        const auto status = wait_for_exit(script, 4min);  // it may have to be downloaded
        if (!status) {
            ::kill(script, SIGKILL);
            wait_for_exit(script, 10s);
        }
        std::string output = read_file(options.output);
        fs::remove_all(work);
        if (status != 0) throw std::runtime_error("scripts/prometheus failed: " + output);
        output.erase(output.find_last_not_of('\n') + 1);
        return fs::path(output.substr(output.rfind('\n') + 1));  // rfind may find nothing: npos + 1
    }();
    return folder;
}

std::string promtool_check_metrics(const std::string& text) {
    const fs::path work = new_folder("prometheus");
    std::ofstream(work / "metrics") << text;
    const fs::path output = work / "output";
    SpawnOptions options;
    options.arguments = {"/bin/sh", "-c", "exec \"$0\" check metrics <\"$1\"",
                         prometheus_folder() / "promtool", work / "metrics"};
    options.output = output;
    options.dies_with_caller = true;
    const auto status = wait_for_exit(spawn(options), 60s);
    std::string said = read_file(output);
    fs::remove_all(work);
    if (status != 0) said += status ? "(a failure)" : "(it does not end)";
    return said;
}

PrometheusServer::PrometheusServer(const std::vector<int>& admin_ports) {
    prometheus_folder();
    folder_ = new_folder("prometheus");
    try {
        write_config(folder_ / "prometheus.yml", admin_ports);
        start();
    } catch (...) {
        stop();
        throw;
    }
}

PrometheusServer::~PrometheusServer() {
    stop();
}

void PrometheusServer::start() {
    SpawnOptions options;
    options.arguments = {prometheus_folder() / "prometheus",
                         "--config.file=" + (folder_ / "prometheus.yml").string(),
                         "--storage.tsdb.path=" + (folder_ / "data").string(),
                         "--web.listen-address=127.0.0.1:" + port_.text()};
    options.directory = folder_;
    options.output = folder_ / "log";
    options.dies_with_caller = true;
    pid_ = spawn(options);

    bool ready = false;
    eventually(
        [&] {
            const auto status = test::wait_for_exit(pid_, 0ms);
            if (status) {
                pid_ = 0;
                return true;
            }
            try {
                ready = get(url("/-/ready")).status == 200;
            } catch (const std::runtime_error&) {  // it does not listen yet
            }
            return ready;
        },
        60s);
    if (ready) return;
    throw std::runtime_error(
        (pid_ == 0 ? "Prometheus does not start: " : "Prometheus does not get ready: ") + log());
}

void PrometheusServer::stop() {
    if (pid_ > 0) {
        ::kill(pid_, SIGKILL);
        test::wait_for_exit(pid_, 10s);
        pid_ = 0;
    }
    std::error_code ignored;
    fs::remove_all(folder_, ignored);
}

std::string PrometheusServer::url(std::string_view path) const {
    return "http://127.0.0.1:" + port_.text() + std::string(path);
}

std::string PrometheusServer::log() const {
    return read_file(folder_ / "log");
}

Samples PrometheusServer::query(const std::string& expression) const {
    const auto answer = ask(url("/api/v1/query?query=" + percent_encoded(expression)));
    const auto& data = answer["data"];
    const std::string type = data["resultType"].GetString();
    if (type == "scalar") return {{.value = second_of(data["result"])}};
    if (type != "vector") throw std::runtime_error("the value of an expression is a " + type);
    Samples samples;
    for (const auto& element : data["result"].GetArray()) {
        Sample sample{.value = second_of(element["value"])};
        for (const auto& [name, value] : element["metric"].GetObject()) {
            if (std::string_view(name.GetString()) == "__name__") {
                sample.name = value.GetString();
            } else {
                sample.labels.emplace(name.GetString(), value.GetString());
            }
        }
        samples.push_back(std::move(sample));
    }
    return samples;
}

std::optional<double> PrometheusServer::value(const std::string& expression) const {
    const Samples samples = query(expression);
    if (samples.size() != 1) return std::nullopt;
    return samples.front().value;
}

std::vector<PrometheusServer::Rule> PrometheusServer::rules() const {
    const auto answer = ask(url("/api/v1/rules"));
    std::vector<Rule> rules;
    for (const auto& group : answer["data"]["groups"].GetArray()) {
        for (const auto& rule : group["rules"].GetArray()) {
            const auto error = rule.FindMember("lastError");
            rules.push_back({.name = rule["name"].GetString(),
                             .alerting = std::string_view(rule["type"].GetString()) == "alerting",
                             .expression = rule["query"].GetString(),
                             .health = rule["health"].GetString(),
                             .error = error != rule.MemberEnd() ? error->value.GetString() : ""});
        }
    }
    return rules;
}

}  // namespace signalbox::test
