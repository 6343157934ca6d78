// A cache that removes the least recently used values.
#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>

#include "base/string_map.h"

namespace sightline {

/// Values by their keys, within a limit on memory; the least recently used one is removed first.
///
/// A value counts with its key, the bytes passed to `put`, and the memory of its bookkeeping. Keys that
/// come from outside can be chosen to make look-ups slow: hash those with a secret first.
/// Thread safety: all members may be called from any thread. Values are shared and never changed, so one that
/// was found may be read after it was removed.
template <class Value>
class LruCache {
 public:
  using Shared = std::shared_ptr<const Value>;

  struct Stats {
    std::size_t entries = 0, bytes = 0;
    std::uint64_t evictions = 0;  ///< since the start: removed to make room
  };

  /// `max_bytes` in total; 0: nothing is cached.
  explicit LruCache(std::size_t max_bytes) : max_bytes_(max_bytes) {}

  /// Null: not found.
  Shared get(std::string_view key) {
    const std::lock_guard lock(mutex_);
    const auto found = places_.find(key);
    if (found == places_.end()) return nullptr;
    entries_.splice(entries_.begin(), entries_, found->second);
    return found->second->value;
  }

  /// Replaces what has the same key. `value_bytes`: memory, including what the value owns. A value larger
  /// than the whole cache is not cached. Throws std::bad_alloc; the value is then not cached.
  void put(std::string key, Shared value, std::size_t value_bytes) {
    Entries added, removed;  // released without the lock
    const std::size_t bytes = key.size() + value_bytes + k_holding;
    if (bytes > max_bytes_) return;
    added.push_front({std::move(key), std::move(value), bytes});
    const std::lock_guard lock(mutex_);
    const auto same = places_.find(added.front().key);
    if (same != places_.end()) remove(same->second, removed);
    while (bytes_ + bytes > max_bytes_) {
      remove(std::prev(entries_.end()), removed);
      ++evictions_;
    }
    places_.emplace(added.front().key, added.begin());
    entries_.splice(entries_.begin(), added);
    bytes_ += bytes;
  }

  Stats stats() const {
    const std::lock_guard lock(mutex_);
    return {entries_.size(), bytes_, evictions_};
  }

 private:
  struct Entry {
    std::string key;
    Shared value;
    std::size_t bytes;
  };
  using Entries = std::list<Entry>;

  /// The nodes of list and table, the table's buckets, the shared value's head, and what malloc adds to each.
  static constexpr std::size_t k_holding = 256;

  void remove(typename Entries::iterator entry, Entries& removed) {
    bytes_ -= entry->bytes;
    places_.erase(entry->key);
    removed.splice(removed.begin(), entries_, entry);
  }

  const std::size_t max_bytes_;
  mutable std::mutex mutex_;
  Entries entries_;                                   // the most recently used first
  StringViewMap<typename Entries::iterator> places_;  // by the keys of the entries
  std::size_t bytes_ = 0;
  std::uint64_t evictions_ = 0;
};

}  // namespace sightline
