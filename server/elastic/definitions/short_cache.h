// Values looked up a moment ago.
#pragma once

#include <chrono>
#include <map>
#include <mutex>
#include <optional>
#include <string>

#include "base/timer.h"

namespace sightline::elastic {

/// Caches values for a second: long enough that a bulk does not request one thing a thousand times, short
/// enough that what another front changed is seen soon. Thread safety: all members may be called from any
/// thread.
template <class T>
class ShortCache {
 public:
  explicit ShortCache(const Timer& timer) : timer_(timer) {}

  std::optional<T> get(const std::string& key) const {
    std::lock_guard lock(mutex_);
    const auto found = entries_.find(key);
    if (found == entries_.end() || found->second.until <= timer_.now()) return {};
    return found->second.value;
  }

  /// `kept`: longer only for what no front changes. A value counts from the moment it was asked for: one that
  /// was read before `forget` must not come in after it.
  void put(const std::string& key, T value, Timer::TimePoint asked,
           std::chrono::seconds kept = std::chrono::seconds(1)) {
    std::lock_guard lock(mutex_);
    if (asked < forgotten_) return;
    if (entries_.size() >= k_most_entries) entries_.clear();
    entries_[key] = {std::move(value), asked + kept};
  }

  /// The value that is cached, else what `ask` (-> Result or Answer of T) gives; only a success is cached.
  template <class Ask>
  auto look_up(const std::string& key, Ask ask) -> decltype(ask()) {
    if (auto kept = get(key)) return *std::move(kept);
    const auto asked = timer_.now();
    auto value = ask();
    if (value) put(key, *value, asked);
    return value;
  }

  void forget() {
    std::lock_guard lock(mutex_);
    entries_.clear();
    forgotten_ = timer_.now() + Timer::Clock::duration(1);
  }

 private:
  static constexpr std::size_t k_most_entries = 10'000;
  struct Entry {
    T value;
    Timer::TimePoint until;
  };

  const Timer& timer_;
  mutable std::mutex mutex_;
  std::map<std::string, Entry> entries_;
  Timer::TimePoint forgotten_ = Timer::TimePoint::min();
};

}  // namespace sightline::elastic
