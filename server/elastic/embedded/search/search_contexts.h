// State between the requests of one client: scrolls and points in time.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "server/elastic/embedded/search/search_body.h"
#include "server/elastic/limits.h"

namespace sightline::elastic {

/// An index at a moment. It is found again by its name, so that it can still be deleted.
struct IndexMoment {
  std::string name;
  std::int64_t number = 0;       ///< StoredIndex::number
  std::int64_t last_number = 0;  ///< MemoryIndex::last_number: documents with a greater origin came later
};

/// A scroll: the hits of a search that have not been returned yet. A hit holds its document's origin (MemoryIndex), so
/// a document that is replaced keeps its place and is returned once, in its new form. A point in time has only
/// `indices`.
struct SearchContext {
  enum class Kind { scroll, point_in_time };
  struct Entry {
    std::int64_t origin;
    std::uint32_t shard;
    float score;
  };

  Kind kind;
  std::vector<IndexMoment> indices;
  SearchBody body = {};  ///< for later pages
  std::int64_t total = 0;
  std::string max_score = {};
  std::vector<Entry> entries = {};
  std::string sort_values = {};             ///< of all entries, concatenated
  std::vector<std::size_t> sort_ends = {};  ///< end offset of each entry's values; empty without `sort`

  std::mutex mutex = {};  ///< one page at a time; locked before the store's locks
  std::size_t next = 0;   ///< the first entry that has not been returned

  std::size_t bytes() const;
};
using SearchContextPtr = std::shared_ptr<SearchContext>;

/// All open contexts by id: at most Limits::max_scrolls, of Limits::max_scroll_bytes together. Thread safety: all
/// members may be called from any thread.
class SearchContexts {
 public:
  using Now = std::function<std::chrono::steady_clock::time_point()>;
  using KeepAlive = std::optional<std::chrono::milliseconds>;
  using Kind = SearchContext::Kind;

  SearchContexts(const Limits& limits, Now now) : limits_(limits), now_(std::move(now)) {}

  /// An id for a new context.
  static std::string new_id();
  /// Refuses a text that cannot be an id. `what`: the kind of context, for the message.
  static void check_id(const std::string& text, const char* what);

  /// Refuses (429) if one more context of `bytes` exceeds a limit.
  void check_room(std::size_t bytes);
  /// Adds a context. It expires `keep_alive` after its last use. Refuses as check_room does.
  void open(const std::string& id, SearchContextPtr context, std::chrono::milliseconds keep_alive);
  /// Refuses (404) an id without an open context of this kind. A longer `keep_alive` replaces the earlier one.
  SearchContextPtr find(Kind kind, const std::string& id, KeepAlive keep_alive);
  /// True if it was open.
  bool close(Kind kind, const std::string& id);
  /// Returns how many were closed.
  std::size_t close_all_scrolls();
  /// Releases expired contexts. To be called about once per second.
  void drop_expired();

 private:
  struct Kept {
    SearchContextPtr context;
    std::size_t bytes;
    std::chrono::milliseconds keep_alive;
    std::chrono::steady_clock::time_point expires;
  };

  void check_room_locked(std::size_t bytes) const;
  /// Locks, and releases expired contexts.
  std::unique_lock<std::mutex> lock_current();
  /// Removes all for which `wanted(id, kept)` is true. Returns how many.
  template <class Wanted>
  std::size_t erase_if(const Wanted& wanted);

  const Limits& limits_;
  const Now now_;
  std::mutex mutex_;
  std::map<std::string, Kept, std::less<>> contexts_;
  std::size_t bytes_ = 0;
};

/// 404: the scroll or point in time does not exist, is closed or has expired.
[[noreturn]] void refuse_missing(std::string_view id);
/// Refuses a time longer than Limits::max_keep_alive.
void check_keep_alive(SearchContexts::KeepAlive keep_alive, const Limits& limits);

}  // namespace sightline::elastic
