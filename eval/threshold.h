// The similarity from which on an answer is worth showing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace sightline::eval {

/// There is no threshold with fewer right, or fewer wrong, pairs than this: one more picture could change it
/// completely.
inline constexpr std::uint64_t k_least_pairs = 10;

/// The similarity that best separates right from wrong answers, and how well it does.
struct Threshold {
  double cosine = 0;     ///< a multiple of 0.0001: answers with this cosine or more are shown
  double precision = 0;  ///< right pairs among those shown
  double recall = 0;     ///< shown pairs among the right ones
  double f1 = 0;         ///< harmonic mean of both: 2 shown_right / (shown + right)

  /// The same as a `_score` of a kNN search on a field of similarity cosine, for `min_score`: (1 + cosine) / 2.
  double score() const { return (1 + cosine) / 2; }
};

/// The cosines of judged pairs of a query and an answer, counted in steps of 0.0001. Its size does not grow with
/// the number of pairs, and the same pairs give the same counts in any order.
class JudgedPairs {
 public:
  void add(float cosine, bool right);
  void add(const JudgedPairs& others);
  std::uint64_t right() const { return right_; }
  std::uint64_t wrong() const { return wrong_; }

  /// The threshold with the highest F1 over all pairs together (van Rijsbergen, Information Retrieval, 1979, chapter
  /// 7); the highest of several equal ones. It is in the middle of the empty steps below the last shown pair, if there
  /// are any. nullopt: fewer than `k_least_pairs` right or wrong pairs.
  std::optional<Threshold> best() const;

 private:
  struct Step {
    std::uint64_t right = 0, wrong = 0;
  };
  std::vector<Step> steps_;  ///< from cosine -1 up; empty before the first pair
  std::uint64_t right_ = 0, wrong_ = 0;
};

}  // namespace sightline::eval
