// What is kept between the requests of one client: scrolls, and points in time.
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

#include "server/elastic/elastic_error.h"
#include "server/elastic/embedded/search/search_body.h"
#include "server/elastic/limits.h"

namespace sightline::elastic {

/// An index as it was at a moment. It is found again by its name, so that nothing keeps it from being deleted.
struct IndexMoment {
  std::string name;
  std::int64_t number = 0;       ///< Index::number
  std::int64_t last_number = 0;  ///< MemoryIndex::last_number: documents whose origin is greater came later
};

/// What is kept for a scroll: the hits of a search that have not been asked for yet. Documents are known by their
/// origin (MemoryIndex), so that one that is written anew keeps its place, and is shown once, as it is then. Of a
/// point in time only `indices`.
struct SearchContext {
  enum class Kind { scroll, point_in_time };
  struct Entry {
    std::int64_t origin;
    std::uint32_t shard;
    float score;
  };

  Kind kind;
  std::vector<IndexMoment> indices;
  SearchBody body = {};  ///< what later pages need of it
  std::int64_t total = 0;
  std::string max_score = {};
  std::vector<Entry> entries = {};
  std::string sort_values = {};             ///< of all entries, one after the other
  std::vector<std::size_t> sort_ends = {};  ///< where those of each end; empty without `sort`

  std::mutex mutex = {};  ///< one page at a time; taken before the store's locks
  std::size_t next = 0;   ///< the first entry that is left

  std::size_t bytes() const;
};
using SearchContextPtr = std::shared_ptr<SearchContext>;

/// All that are open, by id; at most Limits::max_scrolls, which keep Limits::max_scroll_bytes together.
/// Thread safety: all members may be called from any thread.
class SearchContexts {
 public:
  using Now = std::function<std::chrono::steady_clock::time_point()>;
  using KeepAlive = std::optional<std::chrono::milliseconds>;
  using Kind = SearchContext::Kind;

  SearchContexts(const Limits& limits, Now now) : limits_(limits), now_(std::move(now)) {}

  /// Not to be guessed.
  static std::string new_id();
  /// Refuses what no id can look like. `what`: of which it is one, for the message.
  static void check_id(const std::string& text, const char* what);

  /// Refuses one more that keeps `bytes`: 429.
  void check_room(std::size_t bytes);
  /// Keeps a context for `keep_alive`, and after each use for as long again. Refuses as check_room.
  void open(const std::string& id, SearchContextPtr context, std::chrono::milliseconds keep_alive);
  /// Refuses (404) an id of which there is none, or none any more. A longer `keep_alive` holds from now on.
  SearchContextPtr find(Kind kind, const std::string& id, KeepAlive keep_alive);
  /// True if it was there.
  bool close(Kind kind, const std::string& id);
  /// How many there were.
  std::size_t close_all_scrolls();
  /// Lets go of those that nobody has asked for in time. To be called every second or so.
  void drop_expired();

 private:
  struct Kept {
    SearchContextPtr context;
    std::size_t bytes;
    std::chrono::milliseconds keep_alive;
    std::chrono::steady_clock::time_point expires;
  };

  void check_room_locked(std::size_t bytes) const;
  void drop_expired_locked();
  /// Lets go of all for which `wanted(id, kept)` holds. Gives how many.
  template <class Wanted>
  std::size_t erase_if(const Wanted& wanted);

  const Limits& limits_;
  const Now now_;
  std::mutex mutex_;
  std::map<std::string, Kept, std::less<>> contexts_;
  std::size_t bytes_ = 0;
};

/// 404: a scroll or a point in time that is closed, expired or none.
[[noreturn]] void refuse_missing(std::string_view id);
/// Refuses a time longer than Limits::max_keep_alive.
void check_keep_alive(SearchContexts::KeepAlive keep_alive, const Limits& limits);

}  // namespace sightline::elastic
