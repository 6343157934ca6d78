// Time, as a parameter: a clock, and tasks for later.
#pragma once

#include <chrono>
#include <functional>
#include <memory>

namespace sightline {

/// Retries, rate limits and time limits of inference calls all use one Timer, so that tests control the time
/// themselves. Thread safety: all members may be called from any thread.
class Timer {
 public:
  using Clock = std::chrono::steady_clock;
  virtual ~Timer() = default;
  virtual Clock::time_point now() const = 0;
  /// Runs `task` once at `when` or soon after, on the timer's own thread; it must not block. An
  /// exception ends only the task. Tasks still waiting when the timer is destroyed are dropped.
  virtual void run_at(Clock::time_point when, std::function<void()> task) = 0;
};

/// The real one: std::chrono::steady_clock and one thread.
std::unique_ptr<Timer> start_timer();

}  // namespace sightline
