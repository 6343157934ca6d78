// From which similarity on an answer is worth showing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace sightline::eval {

/// Fewer right, or fewer wrong, pairs than these give no threshold: one more picture could move it anywhere.
inline constexpr std::uint64_t k_least_pairs = 10;

/// The similarity that parts right from wrong answers best, and how well it does.
struct Threshold {
  double cosine = 0;     ///< a multiple of 0.0001: shown is what has this cosine or more
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
  /// 7). Of equal ones the highest. It lies in the middle of the empty steps below the last pair shown, where there
  /// are any. nullopt: fewer than `k_least_pairs` pairs are right, or wrong.
  std::optional<Threshold> best() const;

 private:
  struct Step {
    std::uint64_t right = 0, wrong = 0;
  };
  std::vector<Step> steps_;  ///< from cosine -1 up; empty before the first pair
  std::uint64_t right_ = 0, wrong_ = 0;
};

}  // namespace sightline::eval
