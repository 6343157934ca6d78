#include "server/web/pictures/lru_cache.h"

namespace sightline::pictures {

std::size_t LruCache::cost(const Entry& entry) {
  constexpr std::size_t k_holding = 256;  // list and table nodes, the shared text's head, malloc's own
  return 2 * entry.first.size() + entry.second->size() + k_holding;
}

void LruCache::remove(std::list<Entry>::iterator entry) {
  bytes_ -= cost(*entry);
  places_.erase(entry->first);
  entries_.erase(entry);
}

LruCache::Text LruCache::get(const std::string& key) {
  const std::lock_guard lock(mutex_);
  const auto found = places_.find(key);
  if (found == places_.end()) return nullptr;
  entries_.splice(entries_.begin(), entries_, found->second);
  return found->second->second;
}

void LruCache::put(const std::string& key, Text text) {
  Entry entry{key, std::move(text)};
  const std::size_t added = cost(entry);
  if (added > max_bytes_) return;
  const std::lock_guard lock(mutex_);
  if (const auto found = places_.find(key); found != places_.end()) remove(found->second);
  while (bytes_ + added > max_bytes_) remove(std::prev(entries_.end()));
  entries_.push_front(std::move(entry));
  places_[key] = entries_.begin();
  bytes_ += added;
}

std::size_t LruCache::bytes() const {
  const std::lock_guard lock(mutex_);
  return bytes_;
}

}  // namespace sightline::pictures
