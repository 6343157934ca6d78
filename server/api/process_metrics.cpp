#include <filesystem>
#include <fstream>
#include <prometheus/metric_family.h>
#include <sstream>
#include <unistd.h>

#include "server/api/metrics.h"

namespace sightline::api {

namespace {

prometheus::ClientMetric metric_of(prometheus::MetricType type, double value) {
  prometheus::ClientMetric metric;
  if (type == prometheus::MetricType::Counter) {
    metric.counter.value = value;
  } else {
    metric.gauge.value = value;
  }
  return metric;
}

/// The fields of /proc/self/stat from the third (state) on; the second, the program's name, may hold blanks.
std::vector<std::string> stat_fields() {
  std::ifstream file("/proc/self/stat");
  std::string line;
  std::getline(file, line);
  std::vector<std::string> fields;
  if (const auto end_of_name = line.rfind(')'); end_of_name != std::string::npos) {
    std::istringstream rest(line.substr(end_of_name + 1));
    for (std::string field; rest >> field;) fields.push_back(field);
  }
  return fields;
}

/// Seconds since 1970 at which the machine was started.
double boot_time() {
  std::ifstream file("/proc/stat");
  for (std::string line; std::getline(file, line);) {
    if (line.rfind("btime ", 0) == 0) return std::stod(line.substr(6));
  }
  return 0;
}

}  // namespace

prometheus::MetricFamily single_value(const char* name, const char* help, prometheus::MetricType type, double value) {
  return {name, help, type, {metric_of(type, value)}};
}

prometheus::MetricFamily labelled_values(const char* name, const char* help, prometheus::MetricType type,
                                         const char* label, const std::vector<std::pair<std::string, double>>& values) {
  prometheus::MetricFamily family{name, help, type, {}};
  for (const auto& [of, value] : values) {
    family.metric.push_back(metric_of(type, value));
    family.metric.back().label = {{label, of}};
  }
  return family;
}

std::vector<prometheus::MetricFamily> process_metrics() {
  using prometheus::MetricType;
  std::vector<prometheus::MetricFamily> families;
  const auto fields = stat_fields();
  constexpr std::size_t k_user_ticks = 11, k_system_ticks = 12, k_threads = 17, k_start_ticks = 19,
                        k_virtual_bytes = 20,
                        k_resident_pages = 21;  // proc(5), less the first two and counted from 0
  if (fields.size() > k_resident_pages) {
    const auto number = [&](std::size_t field) { return std::stod(fields[field]); };
    const auto ticks_per_second = static_cast<double>(sysconf(_SC_CLK_TCK));
    families.push_back(single_value("process_cpu_seconds_total", "Processor time used", MetricType::Counter,
                                    (number(k_user_ticks) + number(k_system_ticks)) / ticks_per_second));
    families.push_back(single_value("process_resident_memory_bytes", "Memory in RAM", MetricType::Gauge,
                                    number(k_resident_pages) * static_cast<double>(sysconf(_SC_PAGESIZE))));
    families.push_back(single_value("process_virtual_memory_bytes", "Address space in use", MetricType::Gauge,
                                    number(k_virtual_bytes)));
    families.push_back(single_value("process_threads", "Threads", MetricType::Gauge, number(k_threads)));
    families.push_back(single_value("process_start_time_seconds", "Start of the process, seconds since 1970",
                                    MetricType::Gauge, boot_time() + number(k_start_ticks) / ticks_per_second));
  }
  std::error_code error;
  std::filesystem::directory_iterator descriptors("/proc/self/fd", error);
  if (!error) {
    const auto count = static_cast<double>(std::distance(begin(descriptors), end(descriptors)));
    families.push_back(single_value("process_open_fds", "Open file descriptors", MetricType::Gauge, count));
  }
  return families;
}

}  // namespace sightline::api
