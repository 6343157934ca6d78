// Which of its named queries a hit matches.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "server/elastic/embedded/search/hit_sorter.h"
#include "server/elastic/embedded/search/scored_docs.h"
#include "server/elastic/limits.h"

namespace sightline::elastic {

/// Writes `matched_queries` of the hits of a search, one named query after the other.
class MatchedQueries {
 public:
  /// `with_scores`: an object with the score that each query alone gives, else a list of names.
  MatchedQueries(std::span<const Hit> hits, bool with_scores, const Limits& limits)
      : hits_(hits), with_scores_(with_scores), limits_(limits), members_(hits.size()) {}

  /// The documents of one index that a query matches. Throws AnswerTooLarge.
  void add(std::string_view name, std::size_t shard, const ScoredDocs& found);
  /// `,"matched_queries":["a","b"]` of each hit; empty for a hit that matches none.
  std::vector<std::string> members() &&;

 private:
  std::span<const Hit> hits_;
  bool with_scores_;
  const Limits& limits_;
  std::size_t bytes_ = 0;
  std::vector<std::string> members_;
};

/// Names in the order of a Java HashMap, which is the order that Elasticsearch shows them in.
std::vector<std::string_view> in_java_order(std::vector<std::string_view> names);

}  // namespace sightline::elastic
