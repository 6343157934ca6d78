// A timer whose hands the test moves.
#pragma once

#include <algorithm>
#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <utility>
#include <vector>

#include "base/timer.h"

namespace sightline {

class ManualTimer final : public Timer {
 public:
  TimePoint now() const override {
    std::lock_guard lock(mutex_);
    return now_;
  }

  void run_at(TimePoint when, std::function<void()> task) override {
    std::lock_guard lock(mutex_);
    tasks_.emplace(when, std::move(task));
    changed_.notify_all();
  }

  void wait_until(std::condition_variable& condition, std::unique_lock<std::mutex>& lock, TimePoint until) override {
    {
      const std::lock_guard own(mutex_);
      if (now_ >= until) return;
      waiters_.push_back({&condition, lock.mutex()});
      waits_ += 1;
      changed_.notify_all();
    }
    condition.wait(lock);
    const std::lock_guard own(mutex_);
    std::erase_if(waiters_, [&](const Waiter& w) { return w.condition == &condition; });
  }

  /// Moves on: runs what falls due, in order, on the caller's thread, then wakes the threads that wait.
  void advance(Clock::duration by) {
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
    const std::vector<Waiter> waiters = waiters_;
    lock.unlock();
    for (const Waiter& waiter : waiters) {
      // A thread that holds this mutex does not wait yet: without taking it the notice could come too early.
      { const std::lock_guard held(*waiter.mutex); }
      waiter.condition->notify_all();
    }
  }

  /// How often a thread has begun to wait.
  std::size_t waits() const {
    const std::lock_guard lock(mutex_);
    return waits_;
  }

  /// Returns once `count` threads wait for this timer.
  void await_waiters(std::size_t count) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return waiters_.size() >= count; });
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
  struct Waiter {
    std::condition_variable* condition;
    std::mutex* mutex;
  };
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::multimap<TimePoint, std::function<void()>> tasks_;
  TimePoint now_{std::chrono::hours(1)};
  std::vector<Waiter> waiters_;
  std::size_t waits_ = 0;
};

}  // namespace sightline
