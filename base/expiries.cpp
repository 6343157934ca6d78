#include "base/expiries.h"

#include <vector>

namespace sightline {

Expiries::Registration::~Registration() {
  if (state_) state_->remove(key_);
}

Expiries::Registration Expiries::add(Timer::TimePoint when, std::function<void()> expire) {
  return {state_, state_->add(when, std::move(expire))};
}

Expiries::Key Expiries::State::add(Timer::TimePoint when, std::function<void()> expire) {
  const std::lock_guard lock(mutex_);
  const Key key(when, ++added_);
  waiting_.emplace(key, std::move(expire));
  look_at(when);
  return key;
}

void Expiries::State::remove(const Key& key) {
  std::function<void()> taken_back;  // what it holds is destroyed without the lock
  const std::lock_guard lock(mutex_);
  const auto found = waiting_.find(key);
  if (found == waiting_.end()) return;
  taken_back.swap(found->second);
  waiting_.erase(found);
}

/// With the lock held.
void Expiries::State::look_at(Timer::TimePoint when) {
  if (when >= next_) return;
  timer_.run_at(when, [when, state = weak_from_this()] {
    if (const auto alive = state.lock()) alive->run(when);
  });
  next_ = when;
}

void Expiries::State::run(Timer::TimePoint scheduled) {
  std::vector<std::function<void()>> due;
  {
    const std::lock_guard lock(mutex_);
    if (scheduled != next_) return;
    next_ = Timer::TimePoint::max();
    while (!waiting_.empty() && waiting_.begin()->first.first <= timer_.now()) {
      due.push_back(std::move(waiting_.begin()->second));
      waiting_.erase(waiting_.begin());
    }
    if (!waiting_.empty()) look_at(waiting_.begin()->first.first);
  }
  for (const auto& expire : due) expire();
}

}  // namespace sightline
