// Documents that match, and their scores.
#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

#include "server/elastic/local/search/doc_set.h"

namespace sightline::elastic {

/// The documents that match a query. All have the score `constant`, or, if `scores` is not empty, each its
/// own.
struct ScoredDocs {
  DocSet docs;
  float constant = 0;
  std::vector<float> scores = {};  ///< by document; only members of `docs` count

  float score(Doc doc) const { return scores.empty() ? constant : scores[doc]; }
};

/// Documents in at least `least` of `clauses` (1 <= least); a document's score is the sum over its clauses.
/// With `scoring` false all scores are 0.
ScoredDocs sum_of_any(std::vector<ScoredDocs> clauses, std::size_t least, bool scoring);
/// Documents in all of `clauses` (at least one), scores added.
ScoredDocs sum_of_all(std::vector<ScoredDocs> clauses, bool scoring);
/// Documents in any of `clauses`: the best score, and `tie_breaker` times the others.
ScoredDocs best_of_any(std::vector<ScoredDocs> clauses, float tie_breaker, bool scoring);
/// Adds to the scores of `required` those that its documents have in `optional`.
ScoredDocs with_bonus(ScoredDocs required, const ScoredDocs& optional, bool scoring);

/// How many of `clauses` optional clauses must match by a minimum_should_match such as "2", "-1", "75%",
/// "-25%" or "2<75% 9<-3"; not below 0. Throws ShardRefused if the text is none of these.
std::size_t least_clauses(std::string_view specification, std::size_t clauses);

}  // namespace sightline::elastic
