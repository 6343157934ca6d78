// Time, as a parameter: a clock, and tasks for later.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>

namespace sightline {

/// Batches, deadlines, retries, rate limits and time limits of inference calls all use a Timer, so that tests
/// control the time themselves. Thread safety: all members may be called from any thread.
class Timer {
 public:
  using Clock = std::chrono::steady_clock;
  using TimePoint = Clock::time_point;

  virtual ~Timer() = default;
  virtual TimePoint now() const = 0;
  /// Waits until `condition` is notified or it is `until`; may return early. `lock` is held on entry and return.
  virtual void wait_until(std::condition_variable& condition, std::unique_lock<std::mutex>& lock, TimePoint until) = 0;
  /// Runs `task` once at `when` or soon after, on the timer's own thread; it must not block. An
  /// exception ends only the task. Tasks still waiting when the timer is destroyed are dropped.
  virtual void run_at(TimePoint when, std::function<void()> task) = 0;
};

/// The real one: std::chrono::steady_clock and one thread.
std::unique_ptr<Timer> start_timer();

/// A span of time in seconds.
inline double in_seconds(Timer::Clock::duration span) {
  return std::chrono::duration<double>(span).count();
}

}  // namespace sightline
