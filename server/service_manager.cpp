#include "server/service_manager.h"

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <spdlog/spdlog.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <system_error>
#include <unistd.h>
#include <utility>

#include "base/number_text.h"

namespace sightline {
namespace {

constexpr std::chrono::milliseconds k_shortest_pause{1}, k_longest_pause{1000};

/// The variable's value, which is removed; empty if it is not set.
std::string take_variable(const char* name) {
  const char* const value = std::getenv(name);
  std::string taken = value == nullptr ? "" : value;
  ::unsetenv(name);
  return taken;
}

/// A value in one line.
std::string one_line(std::string text) {
  std::replace_if(
      text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < ' '; }, ' ');
  return text;
}

Error socket_error(int number) {
  const bool full = number == EAGAIN || number == ENOBUFS;
  return {full ? ErrorCode::overloaded : ErrorCode::unreachable, std::generic_category().message(number)};
}

}  // namespace

ServiceManager::ServiceManager(std::string address, std::chrono::microseconds watchdog)
    : address_(std::move(address)), watchdog_(watchdog) {}

ServiceManager ServiceManager::from_environment() {
  std::string address = take_variable("NOTIFY_SOCKET");
  const std::string period = take_variable("WATCHDOG_USEC"), process = take_variable("WATCHDOG_PID");
  const bool ours = process.empty() || process == std::to_string(::getpid());
  const auto microseconds = ours ? number_from<std::int64_t>(period) : std::nullopt;
  return ServiceManager(std::move(address),
                        std::chrono::microseconds(std::max<std::int64_t>(microseconds.value_or(0), 0)));
}

Status ServiceManager::report(const std::string& lines) const {
  if (!present()) return {};
  sockaddr_un to{};
  to.sun_family = AF_UNIX;
  if ((address_.front() != '/' && address_.front() != '@') || address_.size() >= sizeof to.sun_path) {
    return Error{ErrorCode::invalid_argument,
                 "[" + address_ + "] is not the address of a Unix socket: a path, or @NAME, of at most " +
                     std::to_string(sizeof to.sun_path - 1) + " bytes"};
  }
  std::memcpy(to.sun_path, address_.data(), address_.size());
  if (address_.front() == '@') to.sun_path[0] = '\0';  // an abstract name, without a zero at its end
  const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + address_.size());
  const int socket = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (socket < 0) return socket_error(errno);
  const ssize_t sent = ::sendto(socket, lines.data(), lines.size(), MSG_DONTWAIT | MSG_NOSIGNAL,
                                reinterpret_cast<const sockaddr*>(&to), length);
  const int number = errno;
  ::close(socket);
  if (sent < 0) return socket_error(number);
  return {};
}

HealthReports::HealthReports(Options options, const ServiceManager& manager, Timer& timer)
    : options_(std::move(options)), manager_(manager), timer_(timer) {}

Timer::Clock::duration HealthReports::pause() const {
  if (manager_.watchdog().count() == 0) return k_longest_pause;
  return std::clamp<Timer::Clock::duration>(manager_.watchdog() / 2, k_shortest_pause, k_longest_pause);
}

void HealthReports::start() {
  if (manager_.present()) look();
}

void HealthReports::stop() {
  const std::lock_guard lock(mutex_);
  stopped_ = true;
  bool sent = false;
  send("STOPPING=1\nSTATUS=stopping", sent);
}

void HealthReports::look() {
  // Held while `options_` is used, which may end after `stop`.
  const std::lock_guard lock(mutex_);
  if (stopped_) return;
  const std::vector<std::string> problems = options_.problems();
  const std::string status = problems.empty() ? options_.ready_status : "not ready: " + problems.front();
  if (problems.empty() && !ready_sent_) send("READY=1", ready_sent_);
  if (status != status_sent_) {
    bool sent = false;
    send("STATUS=" + one_line(status), sent);
    if (sent) status_sent_ = status;
  }
  bool ignored = false;
  if (manager_.watchdog().count() != 0 && !options_.broken()) send("WATCHDOG=1", ignored);
  timer_.run_at(timer_.now() + pause(), [this] { look(); });
}

void HealthReports::send(const std::string& lines, bool& sent) {
  const Status reported = manager_.report(lines);
  sent = reported.ok();
  if (sent || std::exchange(failure_logged_, true)) return;
  spdlog::warn("the service manager at NOTIFY_SOCKET cannot be notified: {}", reported.error().message);
}

}  // namespace sightline
