// The similarity from which on an answer is worth showing.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"

namespace sightline::eval {

/// There is no threshold with fewer right, or fewer wrong, pairs than this: one more picture could change it
/// completely.
inline constexpr std::uint64_t k_least_pairs = 10;

/// False-positive rates for which there can be a cut-off, and the one that is used if none is chosen.
inline constexpr double k_lowest_rate = 0.0001, k_highest_rate = 0.5, k_default_rate = 0.01;

/// The wrong pairs that a cut-off needs: `k_least_pairs` of them are expected at or above it.
std::uint64_t wrong_pairs_needed(double false_positive_rate);

/// 0.05 as "5 %".
std::string percent_text(double share);

/// A cosine as the `_score` of a kNN search on a field of similarity cosine, for `min_score`: (1 + cosine) / 2.
inline double score_of(double cosine) {
  return (1 + cosine) / 2;
}

/// The similarity that best separates right from wrong answers, and how well it does.
struct Threshold {
  double cosine = 0;     ///< a multiple of 0.0001: answers with this cosine or more are shown
  double precision = 0;  ///< right pairs among those shown
  double recall = 0;     ///< shown pairs among the right ones
  double f1 = 0;         ///< harmonic mean of both: 2 shown_right / (shown + right)
};

/// The lowest similarity that at most a chosen share of the wrong pairs reaches.
struct Cutoff {
  double cosine = 0;               ///< a multiple of 0.0001: answers with this cosine or more are shown
  double lowest = 0, highest = 0;  ///< 95 % confidence range of `cosine`, for other queries of the same kind
  double false_positive_rate = 0;  ///< shown pairs among the wrong ones; at most the chosen rate
  double recall = 0;               ///< shown pairs among the right ones
  std::uint64_t wrong_pairs = 0;   ///< from which it was computed
};

/// The cosines of judged pairs of a query and an answer, counted in steps of 0.0001. Its size does not grow with
/// the number of pairs, and the same pairs give the same counts in any order.
class JudgedPairs {
 public:
  /// `query` is the same number for all pairs of a query, in all sets.
  void add(float cosine, bool right, std::uint32_t query);
  void add(const JudgedPairs& others);
  std::uint64_t right() const { return right_; }
  std::uint64_t wrong() const { return wrong_; }

  /// The threshold with the highest F1 over all pairs together (van Rijsbergen, Information Retrieval, 1979, chapter
  /// 7); the highest of several equal ones. It is in the middle of the empty steps below the last shown pair, if there
  /// are any. nullopt: fewer than `k_least_pairs` right or wrong pairs.
  std::optional<Threshold> best() const;

  /// The cut-off for a false-positive rate in [`k_lowest_rate`, `k_highest_rate`].
  ///
  /// The range is Woodruff's (Confidence intervals for medians and other position measures, JASA 47, 1952): the rate
  /// at the cut-off has a standard error, and the ends of the range are the cosines that are reached by the rate plus
  /// and minus that error times Student's t. The pairs of one query depend on each other, so the error comes from the
  /// differences between groups of queries, not from the number of pairs.
  ///
  /// Errors: invalid_argument (too few wrong pairs or queries; too many wrong pairs have a cosine of 1).
  Result<Cutoff> cutoff(double false_positive_rate) const;

 private:
  static constexpr std::size_t k_groups = 16;  ///< of queries
  struct Step {
    std::uint64_t right = 0;
    std::array<std::uint32_t, k_groups> wrong_of_group{};
    std::uint64_t wrong() const;
  };
  std::size_t lowest_step(double false_positive_rate) const;
  Result<double> margin(std::size_t step) const;

  std::vector<Step> steps_;  ///< from cosine -1 up; empty before the first pair
  std::uint64_t right_ = 0, wrong_ = 0;
};

}  // namespace sightline::eval
