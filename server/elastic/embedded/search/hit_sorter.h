// The best hits of one index, by score or by the keys of `sort`.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "server/elastic/embedded/search/scored_docs.h"
#include "server/elastic/embedded/search/search_body.h"
#include "server/elastic/embedded/search/shard_view.h"

namespace sightline::elastic {

/// A value to sort by; std::monostate for a missing keyword. Strings are views of the index's memory.
using SortValue = std::variant<std::monostate, std::int64_t, double, std::string_view>;

struct Hit {
  std::size_t shard = 0;  ///< position among the search's indices
  Doc doc = 0;
  float score = 0;
  std::vector<SortValue> keys = {};  ///< one for each SortKey
};

/// True if `a` comes before `b`: by the keys, or by the higher score if there are none. Ties are broken by index, then
/// by document.
bool comes_before(const std::vector<SortKey>& sort, const Hit& a, const Hit& b);

/// The first `count` of `matches` in that order, after the position of `search_after`. Throws ShardRefused for fields
/// that cannot be sorted by, and Refused for values of search_after that do not fit.
std::vector<Hit> best_hits(const ShardView& shard, std::size_t shard_number, const ScoredDocs& matches,
                           const SearchBody& body, std::size_t count);

/// `[320000,"Lyon",null]`: the `sort` of a hit.
void append_sort_values(std::string& out, const ShardView& shard, const std::vector<SortKey>& sort, const Hit& hit);

}  // namespace sightline::elastic
