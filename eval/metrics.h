// The measures of information retrieval for a ranked list of right and wrong
// answers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace sightline::eval {

/// The depth of the measures: all k below are at most this.
inline constexpr std::size_t k_depth = 10;

/// The part of one query's ranking that the measures need.
struct Ranking {
  std::vector<bool> right;           ///< of the best min(k_depth, candidates), best first
  std::size_t right_total = 0;       ///< right candidates in all; at least 1
  std::size_t first_right_rank = 0;  ///< rank of the best right candidate, counted from 1, at any depth
};

/// Right answers among the best k, of all right answers: recall in the sense of Manning, Raghavan, Schütze,
/// Introduction to Information Retrieval (2008), 8.3 and 8.4.
double recall_at(const Ranking& ranking, std::size_t k);

/// 1 if one of the best k is right, else 0: R@k in papers on image-text retrieval (Karpathy and Fei-Fei 2015, section
/// 4.2; Radford et al. 2021). The same as recall_at if only one answer is right.
double hit_at(const Ranking& ranking, std::size_t k);

/// Right answers among the best k, divided by k, even if there are fewer candidates (Manning et al. 8.4).
double precision_at(const Ranking& ranking, std::size_t k);

/// 1 / rank of the first right answer; its mean over queries is MRR (Voorhees, TREC-8 question answering,
/// 1999).
double reciprocal_rank(const Ranking& ranking);

/// DCG@k / DCG@k of the best possible order, with gain 1 for a right answer and discount log2(1 + rank)
/// (Järvelin and Kekäläinen, ACM TOIS 20(4), 2002, with the discount of Burges et al., ICML 2005).
double ndcg_at(const Ranking& ranking, std::size_t k);

/// Dot product of `a` and `b`, of the same length: sixteen partial sums, always added in the same order, so that equal
/// inputs give equal bits.
float dot(std::span<const float> a, std::span<const float> b);

/// A candidate and its similarity.
struct Scored {
  float score = 0;
  std::uint32_t candidate = 0;
};

/// The order of answers: by score, best first; equal scores by candidate number, lowest first.
inline bool before(const Scored& a, const Scored& b) {
  return a.score != b.score ? a.score > b.score : a.candidate < b.candidate;
}

/// Moves the best min(k, size) to the front, in order; the order of the others is undefined.
void put_best_first(std::vector<Scored>& scored, std::size_t k);

}  // namespace sightline::eval
