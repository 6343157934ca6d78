// Time as a parameter, so that time-dependent rules are tested without sleeping.
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>

namespace sightline::serving {

/// A monotonic clock that can also wait.
/// Thread safety: all members may be called from any thread.
class Clock {
 public:
  using time_point = std::chrono::steady_clock::time_point;

  virtual ~Clock() = default;
  virtual time_point now() const = 0;

  /// Waits until `condition` is notified or this clock reads `until`; may return early. `lock` is held on
  /// entry and return.
  virtual void wait_until(std::condition_variable& condition, std::unique_lock<std::mutex>& lock,
                          time_point until) = 0;
};

/// The machine's monotonic clock.
Clock& steady_clock();

/// A span of time in seconds.
inline double in_seconds(Clock::time_point::duration span) {
  return std::chrono::duration<double>(span).count();
}

}  // namespace sightline::serving
