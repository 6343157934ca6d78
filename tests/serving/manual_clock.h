// A clock that stands still until a test moves it.
#pragma once

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <vector>

#include "server/serving/clock.h"

namespace sightline::serving {

class ManualClock final : public Clock {
 public:
  time_point now() const override {
    const std::lock_guard lock(mutex_);
    return now_;
  }

  void wait_until(std::condition_variable& condition, std::unique_lock<std::mutex>& lock,
                  time_point until) override {
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

  void advance(time_point::duration by) {
    std::vector<Waiter> waiters;
    {
      const std::lock_guard lock(mutex_);
      now_ += by;
      waiters = waiters_;
    }
    for (const Waiter& waiter : waiters) {
      // Whoever holds this mutex has not begun to wait yet; without taking it the notice could come too
      // early.
      { const std::lock_guard lock(*waiter.mutex); }
      waiter.condition->notify_all();
    }
  }

  /// How often a thread has begun to wait.
  std::size_t waits() const {
    const std::lock_guard lock(mutex_);
    return waits_;
  }

  /// Returns once `count` threads wait for this clock.
  void await_waiters(std::size_t count) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return waiters_.size() >= count; });
  }

 private:
  struct Waiter {
    std::condition_variable* condition;
    std::mutex* mutex;
  };
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  time_point now_{std::chrono::hours(1)};
  std::vector<Waiter> waiters_;
  std::size_t waits_ = 0;
};

}  // namespace sightline::serving
