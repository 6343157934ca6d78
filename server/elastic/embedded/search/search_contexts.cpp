#include "server/elastic/embedded/search/search_contexts.h"

#include <algorithm>
#include <cctype>

#include "server/elastic/embedded/store_core.h"

namespace sightline::elastic {
namespace {

constexpr std::size_t k_id_bytes = 24, k_id_letters = 32;
/// What a body becomes in memory, for each byte of its text.
constexpr std::size_t k_read_factor = 4;

std::size_t bytes_of(const std::vector<IndexMoment>& indices) {
  std::size_t bytes = 0;
  for (const IndexMoment& index : indices) bytes += sizeof(IndexMoment) + index.name.size();
  return bytes;
}

/// "24h", "90s".
std::string time_text(std::chrono::milliseconds time) {
  const std::int64_t ms = time.count();
  if (ms % 3'600'000 == 0) return std::to_string(ms / 3'600'000) + "h";
  if (ms % 60'000 == 0) return std::to_string(ms / 60'000) + "m";
  if (ms % 1000 == 0) return std::to_string(ms / 1000) + "s";
  return std::to_string(ms) + "ms";
}

}  // namespace

std::size_t Scroll::bytes() const {
  return sizeof(Scroll) + bytes_of(indices) + k_read_factor * body.text_bytes + max_score.size() +
         entries.capacity() * sizeof(Entry) + sort_values.capacity() + sort_ends.capacity() * sizeof(std::size_t);
}

std::size_t PointInTime::bytes() const {
  return sizeof(PointInTime) + bytes_of(indices);
}

std::string SearchContexts::new_id() {
  return random_name(k_id_bytes);
}

bool SearchContexts::is_id(std::string_view text) {
  return text.size() == k_id_letters && std::all_of(text.begin(), text.end(), [](unsigned char c) {
           return std::isalnum(c) != 0 || c == '-' || c == '_';
         });
}

void SearchContexts::check_room_locked(std::size_t bytes) const {
  if (contexts_.size() >= limits_.max_scrolls) {
    refuse({429, "too_many_scroll_contexts_exception",
            "Trying to create too many scroll contexts. Must be less than or equal to: [" +
                std::to_string(limits_.max_scrolls) +
                "]. Close those that are done, or raise --elasticsearch-max-scrolls."});
  }
  if (bytes > limits_.max_scroll_bytes || bytes_ > limits_.max_scroll_bytes - bytes) {
    refuse({429, "circuit_breaking_exception",
            "this scroll or point in time would keep [" + std::to_string(bytes) + "] bytes, beside [" +
                std::to_string(bytes_) + "] of others, and all may keep [" + std::to_string(limits_.max_scroll_bytes) +
                "]; close those that are done, page with a point in time and search_after, or "
                "raise --elasticsearch-max-scroll-bytes"});
  }
}

void SearchContexts::check_room(std::size_t bytes) {
  const std::lock_guard<std::mutex> lock(mutex_);
  drop_expired_locked();
  check_room_locked(bytes);
}

void SearchContexts::open(const std::string& id, Context context, std::size_t bytes,
                          std::chrono::milliseconds keep_alive) {
  const std::lock_guard<std::mutex> lock(mutex_);
  drop_expired_locked();
  check_room_locked(bytes);
  contexts_.emplace(id, Kept{std::move(context), bytes, keep_alive, now_() + keep_alive});
  bytes_ += bytes;
}

template <class Pointer>
Pointer SearchContexts::find(const std::string& id, KeepAlive keep_alive) {
  const std::lock_guard<std::mutex> lock(mutex_);
  drop_expired_locked();
  const auto found = contexts_.find(id);
  if (found == contexts_.end()) return nullptr;
  const auto* context = std::get_if<Pointer>(&found->second.context);
  if (!context) return nullptr;
  Kept& kept = found->second;
  if (keep_alive) kept.keep_alive = std::max(kept.keep_alive, *keep_alive);
  kept.expires = now_() + kept.keep_alive;
  return *context;
}

std::shared_ptr<Scroll> SearchContexts::scroll(const std::string& id, KeepAlive keep_alive) {
  return find<std::shared_ptr<Scroll>>(id, keep_alive);
}

std::shared_ptr<const PointInTime> SearchContexts::point_in_time(const std::string& id, KeepAlive keep_alive) {
  return find<std::shared_ptr<const PointInTime>>(id, keep_alive);
}

template <class Pointer>
bool SearchContexts::close(const std::string& id) {
  const std::lock_guard<std::mutex> lock(mutex_);
  drop_expired_locked();
  const auto found = contexts_.find(id);
  if (found == contexts_.end() || !std::holds_alternative<Pointer>(found->second.context)) return false;
  erase(found);
  return true;
}

bool SearchContexts::close_scroll(const std::string& id) {
  return close<std::shared_ptr<Scroll>>(id);
}

bool SearchContexts::close_point_in_time(const std::string& id) {
  return close<std::shared_ptr<const PointInTime>>(id);
}

std::size_t SearchContexts::close_all_scrolls() {
  const std::lock_guard<std::mutex> lock(mutex_);
  drop_expired_locked();
  std::size_t count = 0;
  for (auto one = contexts_.begin(); one != contexts_.end();) {
    const bool is_scroll = std::holds_alternative<std::shared_ptr<Scroll>>(one->second.context);
    count += is_scroll ? 1 : 0;
    one = is_scroll ? erase(one) : std::next(one);
  }
  return count;
}

void SearchContexts::drop_expired() {
  const std::lock_guard<std::mutex> lock(mutex_);
  drop_expired_locked();
}

void SearchContexts::drop_expired_locked() {
  if (contexts_.empty()) return;
  const auto now = now_();
  for (auto one = contexts_.begin(); one != contexts_.end();)
    one = one->second.expires <= now ? erase(one) : std::next(one);
}

SearchContexts::Contexts::iterator SearchContexts::erase(Contexts::iterator one) {
  bytes_ -= one->second.bytes;
  return contexts_.erase(one);
}

void check_keep_alive(SearchContexts::KeepAlive keep_alive, const Limits& limits) {
  if (!keep_alive || *keep_alive <= limits.max_keep_alive) return;
  refuse(illegal_argument("Keep alive for request (" + time_text(*keep_alive) +
                          ") is too large. It must be less than (" + time_text(limits.max_keep_alive) +
                          "). --elasticsearch-max-keep-alive sets this limit."));
}

}  // namespace sightline::elastic
