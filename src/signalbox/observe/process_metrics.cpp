#include "signalbox/observe/process_metrics.hpp"

#include <prometheus/metric_family.h>
#include <sys/resource.h>
#include <unistd.h>

#include <filesystem>
#include <iterator>
#include <optional>
#include <sstream>
#include <string>

#include "signalbox/process/read_file.hpp"

namespace signalbox::observe {

namespace {

using prometheus::MetricType;

prometheus::MetricFamily family(const char* name, const char* help, MetricType type, double value) {
    prometheus::ClientMetric metric;
    metric.gauge.value = metric.counter.value = value;
    return {.name = name, .help = help, .type = type, .metric = {metric}};
}

double to_double(rlim_t limit) {
    return static_cast<double>(limit);
}

/// Fields of /proc/self/stat (proc(5)) behind the name of the program, which can hold anything.
struct Stat {
    double user_ticks, system_ticks, threads, start_ticks, virtual_bytes, resident_pages;
};

std::optional<Stat> read_stat() {
    const auto text = process::read_file("/proc/self/stat");
    if (!text) return std::nullopt;
    const auto name_end = text->rfind(')');
    if (name_end == std::string::npos) return std::nullopt;
    std::istringstream fields(text->substr(name_end + 1));
    const auto skip = [&fields](int count) {
        std::string ignored;
        while (count-- > 0)
            fields >> ignored;
    };
    Stat stat{};
    skip(11);  // field 3, the state, to field 13
    fields >> stat.user_ticks >> stat.system_ticks;
    skip(4);
    fields >> stat.threads;
    skip(1);
    fields >> stat.start_ticks >> stat.virtual_bytes >> stat.resident_pages;
    if (!fields) return std::nullopt;
    return stat;
}

/// When the machine was started, in seconds of the epoch.
std::optional<double> boot_time() {
    const auto text = process::read_file("/proc/stat");
    if (!text) return std::nullopt;
    const auto line = text->find("\nbtime ");
    if (line == std::string::npos) return std::nullopt;
    return std::strtod(text->c_str() + line + 7, nullptr);
}

std::optional<double> open_files() {
    std::error_code error;
    const std::filesystem::directory_iterator files("/proc/self/fd", error);
    if (error) return std::nullopt;
    // One of them is the folder itself, open for counting.
    return static_cast<double>(std::distance(begin(files), end(files)) - 1);
}

double start_time() {
    const auto stat = read_stat();
    const auto boot = boot_time();
    if (!stat || !boot) return 0;
    return *boot + stat->start_ticks / static_cast<double>(::sysconf(_SC_CLK_TCK));
}

}  // namespace

ProcessMetrics::ProcessMetrics() : started_(start_time()) {}

std::vector<prometheus::MetricFamily> ProcessMetrics::Collect() const {
    std::vector<prometheus::MetricFamily> families;
    const auto add = [&families](const char* name, const char* help, MetricType type,
                                 double value) {
        families.push_back(family(name, help, type, value));
    };
    if (const auto stat = read_stat()) {
        const auto ticks = static_cast<double>(::sysconf(_SC_CLK_TCK));
        add("process_cpu_seconds_total", "User and system processor time.", MetricType::Counter,
            (stat->user_ticks + stat->system_ticks) / ticks);
        add("process_resident_memory_bytes", "Memory that the process has in RAM.",
            MetricType::Gauge, stat->resident_pages * static_cast<double>(::sysconf(_SC_PAGESIZE)));
        add("process_virtual_memory_bytes", "Size of the process's address space.",
            MetricType::Gauge, stat->virtual_bytes);
        add("process_threads", "Threads of the process.", MetricType::Gauge, stat->threads);
    }
    if (started_ > 0) {
        add("process_start_time_seconds", "When the process was started, since the epoch.",
            MetricType::Gauge, started_);
    }
    if (const auto open = open_files()) {
        add("process_open_fds", "Open file descriptors.", MetricType::Gauge, *open);
    }
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        add("process_max_fds", "Most file descriptors that may be open.", MetricType::Gauge,
            to_double(limit.rlim_cur));
    }
    return families;
}

}  // namespace signalbox::observe
