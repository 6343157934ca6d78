#include "server/logging.h"

#include <memory>
#include <mutex>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/base_sink.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include "base/json/builder.h"
#include "server/log_writer.h"

namespace sightline {
namespace {

constexpr const char* k_time = "%Y-%m-%dT%H:%M:%S.%e";
bool is_json = false;

/// The message as a JSON string, for a pattern that is in JSON.
class JsonMessage final : public spdlog::custom_flag_formatter {
 public:
  void format(const spdlog::details::log_msg& message, const std::tm&, spdlog::memory_buf_t& out) override {
    const std::string text = json::json_string({message.payload.data(), message.payload.size()});
    out.append(text.data(), text.data() + text.size());
  }
  std::unique_ptr<custom_flag_formatter> clone() const override { return std::make_unique<JsonMessage>(); }
};

/// The message on one line: control characters, with which a text from outside could forge a line or steer a terminal,
/// are written as escapes.
class TextMessage final : public spdlog::custom_flag_formatter {
 public:
  void format(const spdlog::details::log_msg& message, const std::tm&, spdlog::memory_buf_t& out) override {
    for (const char c : message.payload) {
      const auto byte = static_cast<unsigned char>(c);
      if (c == '\n') {
        out.append(std::string_view("\\n"));
      } else if (byte < 0x20 || byte == 0x7f) {
        fmt::format_to(std::back_inserter(out), "\\x{:02x}", byte);
      } else {
        out.push_back(c);
      }
    }
  }
  std::unique_ptr<custom_flag_formatter> clone() const override { return std::make_unique<TextMessage>(); }
};

std::unique_ptr<spdlog::pattern_formatter> formatter(const std::string& pattern) {
  auto made = std::make_unique<spdlog::pattern_formatter>(spdlog::pattern_time_type::utc);
  made->add_flag<JsonMessage>('*').add_flag<TextMessage>('~').set_pattern(pattern);
  return made;
}

/// The writer behind all loggers. Never destroyed: threads may log until the process is gone.
LogWriter* writer = nullptr;

/// Formats lines and queues them.
class QueueSink final : public spdlog::sinks::base_sink<std::mutex> {
  void sink_it_(const spdlog::details::log_msg& message) override {
    spdlog::memory_buf_t line;
    formatter_->format(message, line);
    writer->write({line.data(), line.size()});
  }
  void flush_() override {}  // see flush_log
};

std::shared_ptr<spdlog::logger> make_logger(const std::string& name, const std::string& pattern) {
  auto logger = std::make_shared<spdlog::logger>(name, std::make_shared<QueueSink>());
  logger->set_formatter(formatter(pattern));
  // Where there is no memory for a line: spdlog's own handler would write to standard error, and might wait.
  logger->set_error_handler([](const std::string&) {});
  return logger;
}

/// The line that reports `dropped` ones.
std::string dropped_line(const std::string& pattern, std::uint64_t dropped) {
  const std::string text = std::to_string(dropped) +
                           " log lines were dropped: standard error was not read fast enough, or could not "
                           "be written (--log-buffer-bytes)";
  spdlog::memory_buf_t line;
  formatter(pattern)->format({"sightline", spdlog::level::warn, text}, line);
  return {line.data(), line.size()};
}

std::string_view shown(const std::string& text) {
  return text.empty() ? "-" : std::string_view(text);
}

/// Those that a request has besides its id.
std::string further_ids(const std::string& id, const std::string& opaque_id, const std::string& trace_id) {
  std::string ids;
  if (!opaque_id.empty() && opaque_id != id) ids += " opaque_id=" + opaque_id;
  if (!trace_id.empty()) ids += " trace_id=" + trace_id;
  return ids;
}

std::string tenths(double milliseconds) {
  return fmt::format("{:.1f}", milliseconds);
}

/// The stages that the request was in, in order.
template <class Write>
void for_each_stage(const RequestSummary& request, Write write) {
  for (std::size_t i = 0; i < k_stages; ++i) {
    if (request.milliseconds[i] > 0) write(to_string(static_cast<Stage>(i)), request.milliseconds[i]);
  }
}

}  // namespace

void set_up_logging(const std::string& format, const std::string& level, std::size_t max_waiting_bytes) {
  is_json = format == "json";
  const std::string time = k_time;
  const std::string head = R"({"time":")" + time + R"(Z","level":"%l",)";
  // An access line brings its own members; all else is a message.
  const std::string message_pattern = is_json ? head + R"("message":%*})" : time + "Z %l %~";
  writer = new LogWriter({STDERR_FILENO, max_waiting_bytes,
                          [message_pattern](std::uint64_t dropped) { return dropped_line(message_pattern, dropped); }});
  auto messages = make_logger("sightline", message_pattern);
  auto access = make_logger("access", is_json ? head + "%v}" : time + "Z %l %~");
  for (const auto& logger : {messages, access}) logger->set_level(spdlog::level::from_str(level));
  spdlog::register_logger(access);
  spdlog::set_default_logger(std::move(messages));
}

bool flush_log(std::chrono::milliseconds within) {
  return writer && writer->flush(within);
}

std::uint64_t dropped_log_lines() {
  return writer ? writer->dropped() : 0;
}

void log_access(const api::AccessEntry& entry) {
  static const auto logger = spdlog::get("access");
  const bool routine = entry.route.rfind("/health", 0) == 0 || entry.route == "/metrics";
  const auto level = routine ? spdlog::level::debug : spdlog::level::info;
  if (!logger || !logger->should_log(level)) return;
  if (is_json) {
    json::Builder members;
    members.member("message", "request").member("method", entry.method).member("route", entry.route);
    members.member("status", entry.status);
    members.member("milliseconds", json::Raw{fmt::format("{:.1f}", entry.milliseconds)});
    members.member("model", entry.model).member("inputs", entry.inputs).member("bytes_in", entry.bytes_in);
    members.member("bytes_out", entry.bytes_out).member("request_id", entry.request_id);
    members.member("opaque_id", entry.opaque_id).member("trace_id", entry.trace_id).member("peer", entry.peer);
    logger->log(level, "{}", members.text());
  } else {
    logger->log(level, "{} {} {} {:.1f} ms model={} inputs={} in={} out={} id={} peer={}{}", entry.method, entry.route,
                entry.status, entry.milliseconds, shown(entry.model), entry.inputs, entry.bytes_in, entry.bytes_out,
                entry.request_id, entry.peer, further_ids(entry.request_id, entry.opaque_id, entry.trace_id));
  }
}

void log_slow_request(const RequestSummary& request) {
  static const auto logger = spdlog::get("access");
  if (!logger || !logger->should_log(spdlog::level::warn)) return;
  const RequestFacts& facts = request.facts;
  if (is_json) {
    json::Builder members;
    members.member("message", "slow request").member("port", facts.port).member("method", facts.method);
    members.member("route", facts.route).member("status", request.status);
    members.member("milliseconds", json::Raw{tenths(request.age_ms)}).object("stages_ms");
    for_each_stage(request, [&](const char* name, double ms) { members.member(name, json::Raw{tenths(ms)}); });
    members.end().member("model", facts.model).member("inputs", facts.inputs).member("key", facts.key);
    members.member("request_id", facts.id).member("opaque_id", facts.opaque_id).member("trace_id", facts.trace_id);
    logger->warn("{}", members.member("peer", facts.peer).text());
    return;
  }
  std::string stages;
  for_each_stage(request, [&](const char* name, double ms) { stages += fmt::format(" {}={}ms", name, tenths(ms)); });
  logger->warn("slow request: {} {} {} {} ms:{} port={} model={} inputs={} key={} id={} peer={}{}", facts.method,
               facts.route, request.status, tenths(request.age_ms), stages, facts.port, shown(facts.model),
               facts.inputs, shown(facts.key), shown(facts.id), facts.peer,
               further_ids(facts.id, facts.opaque_id, facts.trace_id));
}

}  // namespace sightline
