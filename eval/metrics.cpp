#include "eval/metrics.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <cmath>

namespace sightline::eval {
namespace {

std::size_t right_among(const Ranking& ranking, std::size_t k) {
  assert(k <= k_depth);
  const auto end = ranking.right.begin() + static_cast<std::ptrdiff_t>(std::min(k, ranking.right.size()));
  return static_cast<std::size_t>(std::count(ranking.right.begin(), end, true));
}

double discount(std::size_t rank) {
  return 1 / std::log2(1 + static_cast<double>(rank));
}

}  // namespace

double recall_at(const Ranking& ranking, std::size_t k) {
  return static_cast<double>(right_among(ranking, k)) / static_cast<double>(ranking.right_total);
}

double hit_at(const Ranking& ranking, std::size_t k) {
  return ranking.first_right_rank <= k ? 1 : 0;
}

double precision_at(const Ranking& ranking, std::size_t k) {
  return static_cast<double>(right_among(ranking, k)) / static_cast<double>(k);
}

double reciprocal_rank(const Ranking& ranking) {
  return 1 / static_cast<double>(ranking.first_right_rank);
}

double ndcg_at(const Ranking& ranking, std::size_t k) {
  double gained = 0, possible = 0;
  for (std::size_t rank = 1; rank <= k; ++rank) {
    if (rank <= ranking.right.size() && ranking.right[rank - 1]) gained += discount(rank);
    if (rank <= ranking.right_total) possible += discount(rank);
  }
  return gained / possible;
}

float dot(std::span<const float> a, std::span<const float> b) {
  constexpr std::size_t k_lanes = 16;
  std::array<float, k_lanes> sums{};
  std::size_t i = 0;
  for (; i + k_lanes <= a.size(); i += k_lanes) {
    for (std::size_t lane = 0; lane < k_lanes; ++lane) sums[lane] += a[i + lane] * b[i + lane];
  }
  float sum = 0;
  for (; i < a.size(); ++i) sum += a[i] * b[i];
  for (const float lane : sums) sum += lane;
  return sum;
}

void put_best_first(std::vector<Scored>& scored, std::size_t k) {
  const auto middle = scored.begin() + static_cast<std::ptrdiff_t>(std::min(k, scored.size()));
  std::partial_sort(scored.begin(), middle, scored.end(), before);
}

}  // namespace sightline::eval
