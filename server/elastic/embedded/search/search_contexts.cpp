#include "server/elastic/embedded/search/search_contexts.h"

#include <algorithm>
#include <cctype>

#include "server/elastic/embedded/store_core.h"

namespace sightline::elastic {
namespace {

constexpr std::size_t k_id_bytes = 24, k_id_letters = 32;
/// Estimated memory of a parsed body per byte of its text.
constexpr std::size_t k_read_factor = 4;

}  // namespace

std::size_t SearchContext::bytes() const {
  std::size_t bytes = sizeof(SearchContext) + k_read_factor * body.text_bytes + max_score.size() +
                      entries.capacity() * sizeof(Entry) + sort_values.capacity() +
                      sort_ends.capacity() * sizeof(std::size_t);
  for (const IndexMoment& index : indices) bytes += sizeof(IndexMoment) + index.name.size();
  return bytes;
}

std::string SearchContexts::new_id() {
  return random_name(k_id_bytes);
}

void SearchContexts::check_id(const std::string& text, const char* what) {
  const bool is_id = text.size() == k_id_letters && std::all_of(text.begin(), text.end(), [](unsigned char c) {
                       return std::isalnum(c) != 0 || c == '-' || c == '_';
                     });
  if (!is_id) refuse(illegal_argument(std::string("Cannot parse ") + what + " id [" + shortened(text) + "]"));
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
  const auto lock = lock_current();
  check_room_locked(bytes);
}

void SearchContexts::open(const std::string& id, SearchContextPtr context, std::chrono::milliseconds keep_alive) {
  const auto lock = lock_current();
  const std::size_t bytes = context->bytes();
  check_room_locked(bytes);
  contexts_.emplace(id, Kept{std::move(context), bytes, keep_alive, now_() + keep_alive});
  bytes_ += bytes;
}

SearchContextPtr SearchContexts::find(Kind kind, const std::string& id, KeepAlive keep_alive) {
  const auto lock = lock_current();
  const auto found = contexts_.find(id);
  if (found == contexts_.end() || found->second.context->kind != kind) refuse_missing(id);
  Kept& kept = found->second;
  if (keep_alive) kept.keep_alive = std::max(kept.keep_alive, *keep_alive);
  kept.expires = now_() + kept.keep_alive;
  return kept.context;
}

bool SearchContexts::close(Kind kind, const std::string& id) {
  const auto lock = lock_current();
  return erase_if([&](const std::string& of, const Kept& kept) { return of == id && kept.context->kind == kind; }) != 0;
}

std::size_t SearchContexts::close_all_scrolls() {
  const auto lock = lock_current();
  return erase_if([](const std::string&, const Kept& kept) { return kept.context->kind == Kind::scroll; });
}

void SearchContexts::drop_expired() {
  const auto lock = lock_current();
}

std::unique_lock<std::mutex> SearchContexts::lock_current() {
  std::unique_lock<std::mutex> lock(mutex_);
  if (!contexts_.empty())
    erase_if([now = now_()](const std::string&, const Kept& kept) { return kept.expires <= now; });
  return lock;
}

template <class Wanted>
std::size_t SearchContexts::erase_if(const Wanted& wanted) {
  return std::erase_if(contexts_, [&](const auto& one) {
    if (!wanted(one.first, one.second)) return false;
    bytes_ -= one.second.bytes;
    return true;
  });
}

void refuse_missing(std::string_view id) {
  ElasticError error{404, "search_phase_execution_exception", "all shards failed"};
  error.causes = {{404, "search_context_missing_exception", "No search context found for id [" + shortened(id) + "]"}};
  error.root_is_cause = true;
  refuse(std::move(error));
}

void check_keep_alive(SearchContexts::KeepAlive keep_alive, const Limits& limits) {
  if (!keep_alive || *keep_alive <= limits.max_keep_alive) return;
  refuse(illegal_argument("the keep alive of a scroll or point in time is too large, the limit is [" +
                          std::to_string(std::chrono::floor<std::chrono::seconds>(limits.max_keep_alive).count()) +
                          "s], which --elasticsearch-max-keep-alive sets"));
}

}  // namespace sightline::elastic
