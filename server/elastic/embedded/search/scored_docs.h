// Documents that match, and their scores.
#pragma once

#include <algorithm>
#include <cstddef>
#include <string_view>
#include <utility>
#include <vector>

#include "server/elastic/embedded/search/doc_set.h"

namespace sightline::elastic {

/// The documents that match a query. All have the score `constant`, or, if `scores` is not empty, a score per document.
struct ScoredDocs {
  DocSet docs;
  float constant = 0;
  std::vector<float> scores = {};  ///< by document; only valid for members of `docs`

  float score(Doc doc) const { return scores.empty() ? constant : scores[doc]; }
};

/// Combines clauses one by one, so that many clauses use no more memory than two. Without `scoring` all scores of the
/// result are 0 once there are two clauses; the scores of a single clause have no meaning.
class ClauseSum {
 public:
  enum class Of {
    any,   ///< documents in enough of the clauses, scores added
    all,   ///< documents in all of them, scores added
    best,  ///< documents in any of them, with the best score
  };
  /// `counts`: `finish` will be called with `least` > 1.
  ClauseSum(Of of, bool scoring, bool counts = false) : of_(of), scoring_(scoring), counts_matches_(counts) {}

  void add(ScoredDocs clause);
  std::size_t clauses() const { return clauses_; }
  /// `least`: how many of the clauses a document must match (only for Of::any). Requires at least one `add`.
  ScoredDocs finish(std::size_t least = 1) &&;

 private:
  void fold(const ScoredDocs& clause);

  Of of_;
  bool scoring_, counts_matches_;
  std::size_t clauses_ = 0;
  ScoredDocs first_;  // while it is the only clause
  DocSet docs_;
  std::vector<double> sums_;
  std::vector<float> best_;
  std::vector<std::uint32_t> counts_;
};

/// Collects the best `most` of all that are offered. `before(a, b)`: `a` is better.
template <class T, class Before>
class BestOf {
 public:
  BestOf(std::size_t most, Before before) : most_(most), before_(std::move(before)) {}

  /// Takes `one`, or leaves it.
  void offer(T& one) {
    if (heap_.size() < most_) {
      heap_.push_back(one);
    } else {
      if (most_ == 0 || !before_(one, heap_.front())) return;
      std::pop_heap(heap_.begin(), heap_.end(), before_);
      std::swap(heap_.back(), one);
    }
    std::push_heap(heap_.begin(), heap_.end(), before_);
  }
  std::size_t size() const { return heap_.size(); }
  std::vector<T> sorted() && {
    std::sort_heap(heap_.begin(), heap_.end(), before_);
    return std::move(heap_);
  }

 private:
  std::size_t most_;
  Before before_;
  std::vector<T> heap_;  // the worst in front
};

/// Adds the scores of `optional` to those of the same documents in `required`.
ScoredDocs with_bonus(ScoredDocs required, const ScoredDocs& optional, bool scoring);

/// How many of `clauses` optional clauses must match for a minimum_should_match of "2", "-1", "75%", "-25%"; at least
/// 0. Throws ShardRefused for other texts.
std::size_t least_clauses(std::string_view specification, std::size_t clauses);

}  // namespace sightline::elastic
