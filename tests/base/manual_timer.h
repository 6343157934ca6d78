// A timer whose hands the test moves.
#pragma once

#include <algorithm>
#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <utility>

#include "base/timer.h"

namespace sightline {

class ManualTimer : public Timer {
 public:
  Clock::time_point now() const override {
    std::lock_guard lock(mutex_);
    return now_;
  }

  void run_at(Clock::time_point when, std::function<void()> task) override {
    std::lock_guard lock(mutex_);
    tasks_.emplace(when, std::move(task));
    changed_.notify_all();
  }

  /// Moves on, running what falls due, in order, on the caller's thread.
  void advance(std::chrono::milliseconds by) {
    std::unique_lock lock(mutex_);
    const auto until = now_ + by;
    while (!tasks_.empty() && tasks_.begin()->first <= until) {
      now_ = std::max(now_, tasks_.begin()->first);
      auto task = std::move(tasks_.begin()->second);
      tasks_.erase(tasks_.begin());
      lock.unlock();
      task();
      lock.lock();
    }
    now_ = until;
  }

  std::size_t waiting() const {
    std::lock_guard lock(mutex_);
    return tasks_.size();
  }

  /// Blocks until `count` tasks wait, which another thread is about to put there.
  void wait_for_tasks(std::size_t count) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return tasks_.size() >= count; });
  }

  /// How far off the next task is.
  std::chrono::milliseconds until_next() const {
    std::lock_guard lock(mutex_);
    return std::chrono::duration_cast<std::chrono::milliseconds>(tasks_.begin()->first - now_);
  }

 private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::multimap<Clock::time_point, std::function<void()>> tasks_;
  Clock::time_point now_{std::chrono::hours(1)};
};

}  // namespace sightline
