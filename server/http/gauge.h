// Counts operations in progress.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <mutex>

namespace sightline::http {

/// A count that can be waited on. Thread safe.
class Gauge {
 public:
  void add() {
    const std::lock_guard lock(mutex_);
    ++value_;
  }
  void remove() {
    const std::lock_guard lock(mutex_);
    if (--value_ == 0) zero_.notify_all();
  }
  std::size_t value() const {
    const std::lock_guard lock(mutex_);
    return value_;
  }
  /// False if it is still above zero at `deadline`.
  bool wait_for_zero(std::chrono::steady_clock::time_point deadline) {
    std::unique_lock lock(mutex_);
    return zero_.wait_until(lock, deadline, [this] { return value_ == 0; });
  }

 private:
  mutable std::mutex mutex_;
  std::condition_variable zero_;
  std::size_t value_ = 0;
};

}  // namespace sightline::http
