// Documents that match, and their scores.
#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

#include "server/elastic/embedded/search/doc_set.h"

namespace sightline::elastic {

/// The documents that match a query. All have the score `constant`, or, if `scores` is not empty, each its
/// own.
struct ScoredDocs {
  DocSet docs;
  float constant = 0;
  std::vector<float> scores = {};  ///< by document; only members of `docs` count

  float score(Doc doc) const { return scores.empty() ? constant : scores[doc]; }
};

/// Puts clauses together one by one, so that many take no more memory than two. Without `scoring` all scores
/// are 0.
class ClauseSum {
 public:
  enum class Of {
    any,   ///< documents in enough of the clauses, scores added
    all,   ///< documents in all of them, scores added
    best,  ///< documents in any of them: the best score
  };
  /// `counts`: `finish` will be called with more than 1.
  ClauseSum(Of of, bool scoring, bool counts = false) : of_(of), scoring_(scoring), counts_matches_(counts) {}

  void add(ScoredDocs clause);
  std::size_t clauses() const { return clauses_; }
  /// `least`: how many of the clauses a document must be in, of Of::any. After at least one `add`.
  ScoredDocs finish(std::size_t least = 1) &&;

 private:
  void fold(const ScoredDocs& clause);

  Of of_;
  bool scoring_, counts_matches_;
  std::size_t clauses_ = 0;
  ScoredDocs first_;  // as long as it is the only one
  DocSet docs_;
  std::vector<double> sums_;
  std::vector<float> best_;
  std::vector<std::uint32_t> counts_;
};

/// Adds to the scores of `required` those that its documents have in `optional`.
ScoredDocs with_bonus(ScoredDocs required, const ScoredDocs& optional, bool scoring);

/// How many of `clauses` optional clauses must match by a minimum_should_match: "2", "-1", "75%", "-25%"; not below
/// 0. Throws ShardRefused if the text is none of these.
std::size_t least_clauses(std::string_view specification, std::size_t clauses);

}  // namespace sightline::elastic
