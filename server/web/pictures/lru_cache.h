// What was used last stays.
#pragma once

#include <cstddef>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <utility>

namespace sightline::pictures {

/// Texts by their keys, within a bound on memory; the one that was not used for longest goes first.
/// Thread safety: all members may be called from any thread.
class LruCache {
 public:
  using Text = std::shared_ptr<const std::string>;

  /// `max_bytes` of keys, texts and what holding them takes; 0: it keeps nothing.
  explicit LruCache(std::size_t max_bytes) : max_bytes_(max_bytes) {}

  /// Null: it is not there.
  Text get(const std::string& key);
  /// What is larger than the whole cache is not kept.
  void put(const std::string& key, Text text);
  std::size_t bytes() const;

 private:
  using Entry = std::pair<std::string, Text>;
  static std::size_t cost(const Entry& entry);
  void remove(std::list<Entry>::iterator entry);

  const std::size_t max_bytes_;
  mutable std::mutex mutex_;
  std::list<Entry> entries_;  // the last used first
  std::unordered_map<std::string, std::list<Entry>::iterator> places_;
  std::size_t bytes_ = 0;
};

}  // namespace sightline::pictures
