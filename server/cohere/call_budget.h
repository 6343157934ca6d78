// How many calls a minute may go out.
#pragma once

#include <chrono>
#include <deque>

#include "base/timer.h"

namespace sightline::cohere {

/// At most so many calls in any span of a minute, however they fall: what is not used up does not add up.
/// Thread safety: none.
class CallBudget {
 public:
  using TimePoint = Timer::Clock::time_point;

  /// `calls_per_minute`: 0 is no limit.
  explicit CallBudget(int calls_per_minute) : limit_(static_cast<std::size_t>(calls_per_minute)) {}

  /// When the next call may go out; not after `now`: at once.
  TimePoint next(TimePoint now) const {
    return limit_ == 0 || sent_.size() < limit_ ? now : sent_.front() + std::chrono::minutes(1);
  }

  /// A call goes out.
  void spend(TimePoint now) {
    if (limit_ == 0) return;
    if (sent_.size() == limit_) sent_.pop_front();
    sent_.push_back(now);
  }

 private:
  const std::size_t limit_;
  std::deque<TimePoint> sent_;  // the last `limit_` calls
};

}  // namespace sightline::cohere
