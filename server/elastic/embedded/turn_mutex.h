// A mutex that threads get in the order in which they asked for it.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <mutex>

namespace sightline::elastic {

/// Unlike std::mutex it cannot be taken again at once by the thread that released it while others wait: a
/// bulk that writes part after part lets other writers in between.
class TurnMutex {
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

}  // namespace sightline::elastic
