// Lets many readers in at once, and lets no stream of readers keep a writer out.
#pragma once

#include <mutex>
#include <shared_mutex>

namespace sightline::elastic {

/// A readers-writer lock in which a waiting writer goes before readers that come later. (The C library's lets
/// readers pass, so that searches that overlap without end would hold up writes for ever.)
class VisibilityLock {
 public:
  using Reader = std::shared_lock<std::shared_mutex>;
  using Writer = std::unique_lock<std::shared_mutex>;

  Reader read() const {
    const std::lock_guard<std::mutex> in_turn(turnstile_);
    return Reader(mutex_);
  }
  Writer write() {
    const std::lock_guard<std::mutex> in_turn(turnstile_);
    return Writer(mutex_);
  }

 private:
  mutable std::mutex turnstile_;
  mutable std::shared_mutex mutex_;
};

}  // namespace sightline::elastic
