// The service manager (systemd) that started the server: reports of its state.
#pragma once

#include <chrono>
#include <functional>
#include <mutex>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/timer.h"

namespace sightline {

/// Sends reports as sd_notify(3) does, without its library: one datagram per report, to the socket in NOTIFY_SOCKET.
/// Thread safety: all members may be called from any thread.
class ServiceManager {
 public:
  /// Sends nothing.
  ServiceManager() = default;
  /// `address`: the path of a Unix socket, or @ and the name of an abstract one. `watchdog`: the time within which
  /// the manager requires each WATCHDOG=1; 0: it requires none.
  ServiceManager(std::string address, std::chrono::microseconds watchdog);

  /// From NOTIFY_SOCKET and WATCHDOG_USEC. A WATCHDOG_USEC for another process (WATCHDOG_PID), or one that is not a
  /// number, counts as 0. Removes these variables from the environment, so that no child sends reports; to be called
  /// before there are other threads.
  static ServiceManager from_environment();

  bool present() const { return !address_.empty(); }
  std::chrono::microseconds watchdog() const { return watchdog_; }

  /// Sends lines of the form NAME=VALUE. Never blocks. Without a manager it does nothing.
  /// Errors: invalid_argument (no address of a Unix socket), overloaded (the manager's queue is full: retry),
  /// unreachable (nothing receives there).
  Status report(const std::string& lines) const;

 private:
  std::string address_;
  std::chrono::microseconds watchdog_{0};
};

/// Reports the server's health to a service manager.
///
/// Flow: 1. `start` looks at the health at once, and from then on every second, or twice per watchdog period if that
///          is shorter.
///       2. READY=1 is sent once, as soon as there are no problems. STATUS is sent with it, and when it changes.
///       3. WATCHDOG=1 is sent at each look, unless `broken`. If it stays away, the manager restarts the server.
///       4. `stop` sends STOPPING=1. After it nothing is sent, and `Options` are not used.
/// A report that cannot be sent is repeated at the next look; the first failure is logged.
class HealthReports {
 public:
  struct Options {
    /// Why the server is not ready; empty: it is. Called from the timer's thread.
    std::function<std::vector<std::string>()> problems;
    /// True if only a restart may help. Called from the timer's thread.
    std::function<bool()> broken;
    std::string ready_status;  ///< of a server that is ready, e.g. its address
  };

  /// `manager` must outlive this object, which must outlive `timer`, or the tasks that it runs.
  HealthReports(Options options, const ServiceManager& manager, Timer& timer);
  void start();
  void stop();

 private:
  void look();
  void send(const std::string& lines, bool& sent);
  Timer::Clock::duration pause() const;

  const Options options_;
  const ServiceManager& manager_;
  Timer& timer_;
  std::mutex mutex_;  // of the members below
  bool ready_sent_ = false, stopped_ = false, failure_logged_ = false;
  std::string status_sent_;
};

}  // namespace sightline
