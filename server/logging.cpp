#include "server/logging.h"

#include <memory>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include "server/api/json.h"

namespace sightline {
namespace {

constexpr const char* k_time = "%Y-%m-%dT%H:%M:%S.%e";
bool is_json = false;

/// The message as a JSON string, for a pattern that stands in JSON.
class JsonMessage final : public spdlog::custom_flag_formatter {
 public:
  void format(const spdlog::details::log_msg& message, const std::tm&, spdlog::memory_buf_t& out) override {
    const std::string text = api::json_string({message.payload.data(), message.payload.size()});
    out.append(text.data(), text.data() + text.size());
  }
  std::unique_ptr<custom_flag_formatter> clone() const override { return std::make_unique<JsonMessage>(); }
};

std::unique_ptr<spdlog::pattern_formatter> formatter(const std::string& pattern) {
  auto made = std::make_unique<spdlog::pattern_formatter>(spdlog::pattern_time_type::utc);
  made->add_flag<JsonMessage>('*').set_pattern(pattern);
  return made;
}

std::shared_ptr<spdlog::logger> make_logger(const std::string& name, const std::string& pattern) {
  auto logger = std::make_shared<spdlog::logger>(name, std::make_shared<spdlog::sinks::stderr_sink_mt>());
  logger->set_formatter(formatter(pattern));
  return logger;
}

}  // namespace

void set_up_logging(const std::string& format, const std::string& level) {
  is_json = format == "json";
  const std::string time = k_time;
  const std::string head = R"({"time":")" + time + R"(Z","level":"%l",)";
  // An access line brings its own members; all else is a message.
  auto messages = make_logger("sightline", is_json ? head + R"("message":%*})" : time + "Z %l %v");
  auto access = make_logger("access", is_json ? head + "%v}" : time + "Z %l %v");
  for (const auto& logger : {messages, access}) {
    logger->set_level(spdlog::level::from_str(level));
    logger->flush_on(spdlog::level::debug);
  }
  spdlog::register_logger(access);
  spdlog::set_default_logger(std::move(messages));
}

void log_access(const api::AccessEntry& entry) {
  static const auto logger = spdlog::get("access");
  const bool routine = entry.route.rfind("/health", 0) == 0 || entry.route == "/metrics";
  const auto level = routine ? spdlog::level::debug : spdlog::level::info;
  if (!logger || !logger->should_log(level)) return;
  if (is_json) {
    logger->log(
        level,
        R"("message":"request","method":"{}","route":"{}","status":{},"milliseconds":{:.1f},"model":"{}",)"
        R"("inputs":{},"bytes_in":{},"bytes_out":{},"request_id":"{}","peer":"{}")",
        entry.method, entry.route, entry.status, entry.milliseconds, entry.model, entry.inputs,
        entry.bytes_in, entry.bytes_out, entry.request_id, entry.peer);
  } else {
    logger->log(level, "{} {} {} {:.1f} ms model={} inputs={} in={} out={} id={} peer={}", entry.method,
                entry.route, entry.status, entry.milliseconds, entry.model.empty() ? "-" : entry.model,
                entry.inputs, entry.bytes_in, entry.bytes_out, entry.request_id, entry.peer);
  }
}

}  // namespace sightline
