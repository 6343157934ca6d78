// Locks that are acquired in a defined order.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <shared_mutex>

namespace sightline {

/// A mutex that threads acquire in the order in which they requested it. Unlike with std::mutex, a thread that
/// released it cannot take it again at once while others wait: a bulk that writes part after part lets other writers
/// in between.
class FairMutex {
 public:
  void lock() {
    std::unique_lock<std::mutex> lock(mutex_);
    const std::uint64_t turn = next_++;
    turned_.wait(lock, [&] { return turn == current_; });
  }
  bool try_lock() {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (next_ != current_) return false;
    ++next_;
    return true;
  }
  void unlock() {
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      ++current_;
    }
    turned_.notify_all();
  }

 private:
  std::mutex mutex_;
  std::condition_variable turned_;
  std::uint64_t next_ = 0, current_ = 0;
};

/// A readers-writer lock in which a waiting writer goes before later readers. (The C library's lock prefers readers, so
/// searches that overlap without end would block writes forever.)
class WriterFirstLock {
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

}  // namespace sightline
